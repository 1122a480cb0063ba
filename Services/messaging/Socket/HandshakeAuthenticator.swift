import Contracts
import Edge
import NIOCore
import NIOHTTP1

/// Who is let in: a client with a good token, while there is room and this instance has users.
struct HandshakeAuthenticator: Sendable {
    let verifier: any TokenVerifying
    /// Why nobody is let in at the moment; `nil` when somebody may be.
    let isShut: @Sendable () -> UpgradeRejection?

    /// - Returns: the headers of the answer, and who came.
    /// - Throws: ``UpgradeRejection``.
    func admit(_ head: HTTPRequestHead) async throws(UpgradeRejection) -> (HTTPHeaders, HandshakeResult) {
        guard let address = UpgradePath(head.uri) else { throw .notFound }
        guard head.method == .GET else { throw .notAnUpgrade }
        let protocols = Subprotocols(head.headers)
        if protocols.hasOurs == false {
            throw .malformed("Offer the subprotocol \(Subprotocols.name), or none.")
        }
        let caller = try await verified(protocols.token.map { "Bearer \($0)" } ?? head.headers.first(name: "authorization"))
        // Only now: to come back with the same bad token would be in vain.
        if let refusal = isShut() { throw refusal }
        let headers: HTTPHeaders = protocols.hasOurs == true ? ["Sec-WebSocket-Protocol": Subprotocols.name] : [:]
        return (headers, HandshakeResult(caller: caller, resume: address.resume))
    }

    private func verified(_ authorization: String?) async throws(UpgradeRejection) -> Caller {
        guard let authorization else {
            throw .unauthenticated(
                "Send the access token as the subprotocol bearer.<token>, or as Authorization: Bearer <token>.")
        }
        do { return try await verifier.verify(authorization) } catch TokenError.rejected(let why) {
            throw .unauthenticated(why)
        } catch TokenError.unavailable(let why) {
            throw .unavailable(why)
        } catch {
            throw .unavailable("It cannot be told at the moment who you are.")
        }
    }
}
