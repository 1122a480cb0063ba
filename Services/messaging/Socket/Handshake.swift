import Contracts
import Edge
import NIOCore
import NIOHTTP1

/// Decides on requests for live connections: admits a client with a valid token while this instance has room
/// and users.
struct HandshakeAuthenticator: Sendable {
    let verifier: any TokenVerifying
    /// Returns why this instance admits no client at present; `nil` when it does.
    let unavailability: @Sendable () -> Problem?

    /// - Returns: the headers of the response, and the admitted client.
    func authenticate(_ head: HTTPRequestHead) async throws(Problem) -> (HTTPHeaders, HandshakeResult) {
        guard let path = UpgradePath(head.uri) else { throw .notFound }
        guard head.method == .GET else { throw .upgradeRequired }
        let subprotocols = Subprotocols(head.headers)
        if subprotocols.includesOurs == false {
            throw .malformed("Offer the subprotocol \(Subprotocols.name), or none.")
        }
        let caller = try await verify(subprotocols.token.map { "Bearer \($0)" } ?? head.headers.first(name: "authorization"))
        // After the token: a client with an invalid one must not retry, here or at another instance.
        if let problem = unavailability() { throw problem }
        let headers: HTTPHeaders =
            subprotocols.includesOurs == true ? ["Sec-WebSocket-Protocol": Subprotocols.name] : [:]
        return (headers, HandshakeResult(caller: caller, resume: path.resume))
    }

    private func verify(_ authorization: String?) async throws(Problem) -> Caller {
        guard let authorization else {
            throw .unauthenticated(
                "Send the access token as the subprotocol bearer.<token>, or as Authorization: Bearer <token>.")
        }
        do { return try await verifier.verify(authorization) } catch let error as TokenError {
            throw Problem(error)
        } catch {
            throw .unavailable("Tokens cannot be checked at the moment. Retry in a few seconds.")
        }
    }
}

/// An admitted client.
struct HandshakeResult: Sendable {
    let caller: Caller
    /// The connection that the client resumes.
    let resume: Resumption?
}

/// The query parameter `resume=<connectionId>.<n>`: a connection, and the number of the last frame received
/// on it.
struct Resumption: Hashable, Sendable {
    let connectionID: String
    let lastN: Int64

    init?(_ text: some StringProtocol) {
        guard let dot = text.lastIndex(of: "."), let n = Int64(text[text.index(after: dot)...]), n >= 0, dot > text.startIndex,
            text.utf8.count <= 100
        else { return nil }
        connectionID = String(text[..<dot])
        lastN = n
    }
}

/// The target of a request for a live connection.
struct UpgradePath: Hashable, Sendable {
    let resume: Resumption?

    /// - Parameter target: `/`, `/v1/realtime`, or `/rt/<instance>`, which an ingress may pass on; `nil` for
    ///   any other.
    init?(_ target: String) {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = parts[0].split(separator: "/", omittingEmptySubsequences: false)
        guard path.first == "", path == ["", ""] || path == ["", "v1", "realtime"] || path.count == 3 && path[1] == "rt" else {
            return nil
        }
        let query = parts.count == 2 ? parts[1].split(separator: "&") : []
        resume = query.lazy.filter { $0.hasPrefix("resume=") }.compactMap { Resumption($0.dropFirst("resume=".count)) }.first
    }
}

/// The subprotocols that a client offers: the server's own, and one that carries the token. Browsers cannot
/// send it otherwise.
struct Subprotocols: Hashable, Sendable {
    static let name = "martlet.v1"

    /// Whether ``name`` is among them; `nil` when the client offers none, like programs that send the token
    /// in a header.
    let includesOurs: Bool?
    let token: String?

    init(_ headers: HTTPHeaders) {
        let offered = headers[canonicalForm: "sec-websocket-protocol"]
        includesOurs = offered.isEmpty ? nil : offered.contains { $0 == Self.name }
        token = offered.first { $0.hasPrefix("bearer.") }.map { String($0.dropFirst("bearer.".count)) }
    }
}
