import HTTPTypes
import Hummingbird

/// One documented operation: a method, a path and who may use it.
struct Endpoint: Sendable {
    enum Access: Sendable {
        case anonymous
        /// A valid access token of a session that has not ended; ``APIRequest/caller`` is set.
        case signedIn
        /// The same, of somebody with the role admin; anybody else gets `403`.
        case admin
    }

    let method: HTTPRequest.Method
    /// With `{name}` for what varies, as in OpenAPI.
    let path: String
    let access: Access
    let handler: @Sendable (APIRequest) async throws -> APIResponse

    static func get(
        _ path: String, _ access: Access = .signedIn, _ handler: @escaping @Sendable (APIRequest) async throws -> APIResponse
    )
        -> Endpoint
    {
        Endpoint(method: .get, path: path, access: access, handler: handler)
    }

    static func post(
        _ path: String, _ access: Access = .signedIn, _ handler: @escaping @Sendable (APIRequest) async throws -> APIResponse
    )
        -> Endpoint
    {
        Endpoint(method: .post, path: path, access: access, handler: handler)
    }

    static func put(_ path: String, _ handler: @escaping @Sendable (APIRequest) async throws -> APIResponse) -> Endpoint {
        Endpoint(method: .put, path: path, access: .signedIn, handler: handler)
    }

    static func put(_ path: String, _ access: Access, _ handler: @escaping @Sendable (APIRequest) async throws -> APIResponse)
        -> Endpoint
    {
        Endpoint(method: .put, path: path, access: access, handler: handler)
    }

    static func patch(_ path: String, _ handler: @escaping @Sendable (APIRequest) async throws -> APIResponse) -> Endpoint {
        Endpoint(method: .patch, path: path, access: .signedIn, handler: handler)
    }

    static func delete(_ path: String, _ handler: @escaping @Sendable (APIRequest) async throws -> APIResponse) -> Endpoint {
        Endpoint(method: .delete, path: path, access: .signedIn, handler: handler)
    }
}
