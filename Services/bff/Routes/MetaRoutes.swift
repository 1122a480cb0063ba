import Contracts
import Edge
import Foundation
import HTTPTypes
import Hummingbird
import Synchronization

/// The description of the API, and the public keys of its access tokens.
struct MetaRoutes {
    private let keys: KeySetDocument

    init(keys: KeySet) { self.keys = KeySetDocument(keys) }

    var endpoints: [Endpoint] {
        [
            .get("/openapi.json", access: .anonymous, document),
            .get("/.well-known/jwks.json", access: .anonymous, jwks),
        ]
    }

    private static let document = APIResponse(.ok, json: PackageResources.openapi_json).tagged()

    private func document(_ request: APIRequest) async throws -> APIResponse { Self.document.unchanged(for: request) }

    private func jwks(_ request: APIRequest) async throws -> APIResponse { try keys.response().unchanged(for: request) }
}

/// The key set as JSON. Encoded when the keys change, not for every request.
private final class KeySetDocument: Sendable {
    private let keys: KeySet
    private let encoded = Mutex<(keys: GetKeys.Response, response: APIResponse)?>(nil)

    init(_ keys: KeySet) { self.keys = keys }

    func response() throws -> APIResponse {
        guard let published = keys.published else {
            throw Problem.unavailable("The keys are not available yet. Retry in a few seconds.")
        }
        if let encoded = encoded.withLock(\.self), encoded.keys == published { return encoded.response }
        let response = try APIResponse.json(published).tagged()
        encoded.withLock { $0 = (published, response) }
        return response
    }
}
