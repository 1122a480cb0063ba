import Contracts
import HTTPTypes
import Hummingbird
import Edge
import ServiceKit

/// What went wrong, for the client: `application/problem+json` (RFC 9457) with a stable `code`.
struct Problem: Error, Encodable, Sendable {
    let type: String
    let title: String
    let status: Int
    let detail: String
    let code: String
    var requestID = ""
    let errors: [ServiceError.Field]?
    let headers: HTTPFields

    /// - Parameters:
    ///   - code: stable, in camelCase; what a client switches on.
    ///   - detail: for people; what to change.
    init(
        _ status: HTTPResponse.Status, _ code: String, _ detail: String, errors: [ServiceError.Field] = [],
        headers: HTTPFields = [:]
    ) {
        self.type = "about:blank"
        self.title = status.reasonPhrase
        self.status = status.code
        self.detail = detail
        self.code = code
        self.errors = errors.isEmpty ? nil : errors
        self.headers = headers
    }

    enum CodingKeys: String, CodingKey {
        case type, title, status, detail, code, errors
        case requestID = "requestId"
    }

    func response(requestID: String) -> APIResponse {
        var named = self
        named.requestID = requestID
        var response =
            (try? APIResponse.json(named, HTTPResponse.Status(code: status, reasonPhrase: title)))
            ?? APIResponse(.internalServerError)
        response.headers[.contentType] = "application/problem+json"
        for field in headers { response.headers[field.name] = field.value }
        return response
    }
}

extension Problem {
    static let notFound = Problem(.notFound, "notFound", "There is nothing at this address.")

    static func unauthorized(_ detail: String) -> Problem {
        Problem(.unauthorized, "unauthenticated", detail, headers: [.wwwAuthenticate: "Bearer"])
    }

    static let forbidden = Problem(.forbidden, "denied", "Only an admin may do this.")

    static let tooLarge = Problem(
        .contentTooLarge, "tooLarge", "The body is larger than \(RequestAssembly.maximumBody) bytes.")

    static func malformed(_ detail: String) -> Problem { Problem(.badRequest, "malformed", detail) }

    static func invalid(_ errors: [ServiceError.Field]) -> Problem {
        let fields = errors.map(\.field).joined(separator: ", ")
        return Problem(.unprocessableContent, "invalid", "These fields are not valid: \(fields).", errors: errors)
    }

    static func invalid(_ field: String, _ message: String) -> Problem { invalid([ServiceError.Field(field, message)]) }

    static func unavailable(_ detail: String, retryAfterSeconds: Int = 1) -> Problem {
        Problem(.serviceUnavailable, "unavailable", detail, headers: [.retryAfter: String(retryAfterSeconds)])
    }

    /// Whatever a handler threw. Only what a service means for clients reaches them.
    init(_ error: any Error) {
        switch error {
        case let problem as Problem: self = problem
        case let error as ServiceError: self = Problem(service: error)
        case TokenError.rejected(let detail): self = .unauthorized(detail)
        case TokenError.unavailable(let detail): self = .unavailable(detail)
        case let open as CircuitOpen:
            self = .unavailable(
                "What this needs does not answer at the moment.",
                retryAfterSeconds: max(1, Int(open.retryAfter.components.seconds)))
        case is AdmissionRefused: self = .unavailable("The server has more to do than it can. Try again.")
        case let error as any HTTPResponseError: self = Problem(http: error)
        case is CancellationError: self = .unavailable("The server is stopping. Try again.")
        default: self = Problem(.internalServerError, "internal", "Something went wrong on our side.")
        }
    }

    private init(service error: ServiceError) {
        let status = Self.statuses[error.code] ?? .internalServerError
        var headers: HTTPFields = [:]
        if status == .serviceUnavailable {
            headers[.retryAfter] = String(max(1, ((error.retryAfterMilliseconds ?? 1_000) + 999) / 1_000))
        }
        if status == .unauthorized { headers[.wwwAuthenticate] = "Bearer" }
        let detail = status == .internalServerError ? "Something went wrong on our side." : error.message
        self.init(status, error.code.rawValue, detail, errors: error.fields, headers: headers)
    }

    private static let statuses: [ServiceError.Code: HTTPResponse.Status] = [
        .invalid: .unprocessableContent, .unauthenticated: .unauthorized, .denied: .forbidden, .notFound: .notFound,
        .conflict: .conflict,
        .stale: .preconditionFailed, .unavailable: .serviceUnavailable, .deadlineExceeded: .gatewayTimeout,
        // A dependency went away in the middle: the client repeats with the same key.
        .unknownOutcome: .serviceUnavailable,
        .unimplemented: .serviceUnavailable,
    ]

    private init(http error: any HTTPResponseError) {
        switch error.status {
        case .notFound: self = .notFound
        case .contentTooLarge: self = .tooLarge
        default: self.init(error.status, "malformed", error.status.reasonPhrase)
        }
    }
}
