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

    private func document(_ call: Call) async throws -> Reply {
        Reply(.ok, headers: [.contentType: "application/json"], body: ByteBuffer(bytes: PackageResources.openapi_json)).tagged(
            for: call)
    }

    private func jwks(_ call: Call) async throws -> Reply {
        guard let keys = await keys.published else { throw Problem.unavailable("The keys are not known here yet.") }
        return try Reply.json(keys).tagged(for: call)
    }
}
