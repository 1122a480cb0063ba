import HTTPTypes
import Hummingbird

/// One documented operation: a method, a path, and the access it requires.
struct Endpoint: Sendable {
    typealias Handler = @Sendable (APIRequest) async throws -> APIResponse

    enum Access: Sendable {
        /// No access token is needed.
        case anonymous
        /// A valid access token of a live session; ``APIRequest/caller`` is set.
        case signedIn
        /// Like `signedIn`, of a user with the role admin; other users get `403`.
        case admin
    }

    let method: HTTPRequest.Method
    /// With `{name}` for parameters, as in OpenAPI.
    let path: String
    let access: Access
    let handler: Handler

    static func get(_ path: String, access: Access = .signedIn, _ handler: @escaping Handler) -> Endpoint {
        Endpoint(method: .get, path: path, access: access, handler: handler)
    }

    static func post(_ path: String, access: Access = .signedIn, _ handler: @escaping Handler) -> Endpoint {
        Endpoint(method: .post, path: path, access: access, handler: handler)
    }

    static func put(_ path: String, access: Access = .signedIn, _ handler: @escaping Handler) -> Endpoint {
        Endpoint(method: .put, path: path, access: access, handler: handler)
    }

    static func patch(_ path: String, _ handler: @escaping Handler) -> Endpoint {
        Endpoint(method: .patch, path: path, access: .signedIn, handler: handler)
    }

    static func delete(_ path: String, _ handler: @escaping Handler) -> Endpoint {
        Endpoint(method: .delete, path: path, access: .signedIn, handler: handler)
    }
}
