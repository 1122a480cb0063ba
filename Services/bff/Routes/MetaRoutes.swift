import Foundation
import HTTPTypes
import Hummingbird

/// The API's own document, and the keys that verify its tokens.
struct MetaRoutes {
    let keys: KeySet

    var endpoints: [Endpoint] {
        [
            .get("/openapi.json", .anyone, document),
            .get("/.well-known/jwks.json", .anyone, jwks),
        ]
    }

    /// Made once: neither changes from request to request.
    private static let document = Reply(.ok, json: PackageResources.openapi_json).tagged()

    private func document(_ call: Call) async throws -> Reply { Self.document.unchanged(for: call) }

    private func jwks(_ call: Call) async throws -> Reply {
        guard let keys = keys.published else { throw Problem.unavailable("The keys are not known here yet.") }
        return keys.unchanged(for: call)
    }
}
