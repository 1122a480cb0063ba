import NIOHTTP1

/// The subprotocols that a client offers: ours, and its token, which a browser cannot send otherwise.
struct Subprotocols: Hashable, Sendable {
    static let name = "martlet.v1"

    /// Whether ours is among them; `nil` when none was offered, as by programs that send their token in a header.
    let hasOurs: Bool?
    let token: String?

    init(_ headers: HTTPHeaders) {
        let offered = headers[canonicalForm: "sec-websocket-protocol"]
        hasOurs = offered.isEmpty ? nil : offered.contains { $0 == Self.name }
        token = offered.first { $0.hasPrefix("bearer.") }.map { String($0.dropFirst("bearer.".count)) }
    }
}
