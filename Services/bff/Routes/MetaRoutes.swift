import Contracts
import Foundation
import HTTPTypes
import Hummingbird
import Edge
import Synchronization

/// The API's own document, and the keys that verify its tokens.
struct MetaRoutes {
    private let keys: KeysDocument

    init(keys: KeySet) { self.keys = KeysDocument(keys) }

    var endpoints: [Endpoint] {
        [
            .get("/openapi.json", .anyone, document),
            .get("/.well-known/jwks.json", .anyone, jwks),
        ]
    }

    /// Made once: it does not change from request to request.
    private static let document = Reply(.ok, json: PackageResources.openapi_json).tagged()

    private func document(_ call: Call) async throws -> Reply { Self.document.unchanged(for: call) }

    private func jwks(_ call: Call) async throws -> Reply { try keys.reply().unchanged(for: call) }
}

/// The keys as they are given out: made anew when they are others, not for every request.
private final class KeysDocument: Sendable {
    private let keys: KeySet
    private let made = Mutex<(of: GetKeys.Response, reply: Reply)?>(nil)

    init(_ keys: KeySet) { self.keys = keys }

    func reply() throws -> Reply {
        guard let published = keys.published else { throw Problem.unavailable("The keys are not known here yet.") }
        if let made = made.withLock(\.self), made.of == published { return made.reply }
        let reply = try Reply.json(published).tagged()
        made.withLock { $0 = (published, reply) }
        return reply
    }
}
