import Foundation
import HTTPTypes
import Hummingbird
import Identity

/// The API's own document, and the keys that verify its tokens.
struct MetaRoutes {
    let keys: KeySet

    var endpoints: [Endpoint] {
        [
            .get("/openapi.json", .anyone, document),
            .get("/.well-known/jwks.json", .anyone, jwks),
        ]
    }

    /// Made once: it does not change from request to request.
    private static let document = Reply(.ok, json: PackageResources.openapi_json).tagged()

    private func document(_ call: Call) async throws -> Reply { Self.document.unchanged(for: call) }

    private func jwks(_ call: Call) async throws -> Reply {
        guard let keys = keys.published else { throw Problem.unavailable("The keys are not known here yet.") }
        return try Reply.json(keys).tagged().unchanged(for: call)
    }
}
