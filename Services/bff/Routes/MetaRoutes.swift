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
            .get("/openapi.json", .anonymous, document),
            .get("/.well-known/jwks.json", .anonymous, jwks),
        ]
    }

    /// Made once: it does not change from request to request.
    private static let document = APIResponse(.ok, json: PackageResources.openapi_json).tagged()

    private func document(_ request: APIRequest) async throws -> APIResponse { Self.document.unchanged(for: request) }

    private func jwks(_ request: APIRequest) async throws -> APIResponse { try keys.response().unchanged(for: request) }
}

/// The keys as they are given out: made anew when they are others, not for every request.
private final class KeysDocument: Sendable {
    private let keys: KeySet
    private let made = Mutex<(of: GetKeys.Response, response: APIResponse)?>(nil)

    init(_ keys: KeySet) { self.keys = keys }

    func response() throws -> APIResponse {
        guard let published = keys.published else { throw Problem.unavailable("The keys are not known here yet.") }
        if let made = made.withLock(\.self), made.of == published { return made.response }
        let response = try APIResponse.json(published).tagged()
        made.withLock { $0 = (published, response) }
        return response
    }
}
