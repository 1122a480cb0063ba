import Contracts
import Edge
import NIOCore
import NIOHTTP1

/// Who is let in: a client with a good token, while there is room and this instance has users.
struct Door: Sendable {
    let verifier: any TokenVerifying
    /// Why nobody is let in at the moment; `nil` when somebody may be.
    let isShut: @Sendable () -> Refusal?

    /// - Returns: the headers of the answer, and who came.
    /// - Throws: ``Refusal``.
    func admit(_ head: HTTPRequestHead) async throws(Refusal) -> (HTTPHeaders, Guest) {
        guard let address = Address(head.uri) else { throw .notFound }
        guard head.method == .GET else { throw .notAnUpgrade }
        let protocols = Protocols(head.headers)
        if protocols.hasOurs == false {
            throw .malformed("Offer the subprotocol \(Protocols.name), or none.")
        }
        let caller = try await verified(protocols.token.map { "Bearer \($0)" } ?? head.headers.first(name: "authorization"))
        // Only now: to come back with the same bad token would be in vain.
        if let refusal = isShut() { throw refusal }
        let headers: HTTPHeaders = protocols.hasOurs == true ? ["Sec-WebSocket-Protocol": Protocols.name] : [:]
        return (headers, Guest(caller: caller, resume: address.resume))
    }

    private func verified(_ authorization: String?) async throws(Refusal) -> Caller {
        guard let authorization else {
            throw .unauthenticated(
                "Send the access token as the subprotocol bearer.<token>, or as Authorization: Bearer <token>.")
        }
        do { return try await verifier.verify(authorization) } catch TokenRefusal.refused(let why) {
            throw .unauthenticated(why)
        } catch TokenRefusal.unknowable(let why) {
            throw .unavailable(why)
        } catch {
            throw .unavailable("It cannot be told at the moment who you are.")
        }
    }
}
