import Contracts
import Edge
import HTTPTypes
import Hummingbird
import ServiceKit

extension Problem {
    private static let internalDetail = "The server failed to process the request. Retry later."

    static let forbidden = Problem(.forbidden, code: "denied", detail: "Only an admin may do this.")

    static let bodyTooLarge = Problem(
        .contentTooLarge, code: "tooLarge", detail: "Send a body of at most \(RequestAssembly.maximumBody) bytes.")

    static func invalid(_ errors: [ServiceError.Field]) -> Problem {
        let fields = errors.map(\.field).joined(separator: ", ")
        return Problem(
            .unprocessableContent, code: "invalid", detail: "These fields are not valid: \(fields).", errors: errors)
    }

    static func invalid(_ field: String, _ message: String) -> Problem { invalid([ServiceError.Field(field, message)]) }

    /// Turns an error of a handler into a problem. Only texts that are meant for clients reach them.
    init(_ error: any Error) {
        switch error {
        case let problem as Problem: self = problem
        case let error as ServiceError: self.init(service: error)
        case let error as TokenError: self.init(error)
        case let open as CircuitOpen:
            let seconds = max(1, Int(open.retryAfter.components.seconds))
            self = .unavailable("This feature is not available at the moment. Retry later.", retryAfterSeconds: seconds)
        case is AdmissionRefused: self = .unavailable("The server is at capacity. Retry later.")
        case let error as any HTTPResponseError: self.init(http: error)
        case is CancellationError: self = .unavailable("The server is stopping. Retry in a few seconds.")
        default: self.init(.internalServerError, code: "internal", detail: Self.internalDetail)
        }
    }

    private init(service error: ServiceError) {
        let status = Self.statuses[error.code] ?? .internalServerError
        var headers: HTTPFields = [:]
        if status == .serviceUnavailable {
            headers[.retryAfter] = String(max(1, ((error.retryAfterMilliseconds ?? 1_000) + 999) / 1_000))
        }
        if status == .unauthorized { headers[.wwwAuthenticate] = "Bearer" }
        let detail = status == .internalServerError ? Self.internalDetail : error.message
        self.init(status, code: error.code.rawValue, detail: detail, errors: error.fields, headers: headers)
    }

    private static let statuses: [ServiceError.Code: HTTPResponse.Status] = [
        .invalid: .unprocessableContent, .unauthenticated: .unauthorized, .denied: .forbidden, .notFound: .notFound,
        .conflict: .conflict,
        .stale: .preconditionFailed, .unavailable: .serviceUnavailable, .deadlineExceeded: .gatewayTimeout,
        // The outcome is unknown: the client repeats the request with the same idempotency key.
        .unknownOutcome: .serviceUnavailable,
        .unimplemented: .serviceUnavailable,
    ]

    private init(http error: any HTTPResponseError) {
        switch error.status {
        case .notFound: self = .notFound
        case .contentTooLarge: self = .bodyTooLarge
        default: self.init(error.status, code: "malformed", detail: error.status.reasonPhrase)
        }
    }
}
