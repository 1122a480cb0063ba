import Contracts
import Foundation
import HTTPTypes

/// What went wrong with a request, for the client: `application/problem+json` (RFC 9457).
package struct Problem: Error, Hashable, Sendable {
    package static let contentType = "application/problem+json"

    package let status: HTTPResponse.Status
    /// In camelCase. Stable, because clients switch on it.
    package let code: String
    /// For people: what is wrong and what to change. Reveals nothing about how the server is built.
    package let detail: String
    /// One for each invalid field.
    package let errors: [ServiceError.Field]
    /// Fields that the response carries beside the content type.
    package let headers: HTTPFields

    package init(
        _ status: HTTPResponse.Status, code: String, detail: String, errors: [ServiceError.Field] = [], headers: HTTPFields = [:]
    ) {
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = headers
    }

    /// Returns the problem as JSON.
    package func body(requestID: String) -> [UInt8] {
        let document = Document(
            type: "about:blank", title: status.reasonPhrase, status: status.code, detail: detail, code: code,
            requestID: requestID, errors: errors.isEmpty ? nil : errors)
        // A document of strings and numbers has no value that JSON cannot say.
        return (try? Self.encoder.encode(document)).map { Array($0) } ?? []
    }

    private struct Document: Encodable {
        let type: String
        let title: String
        let status: Int
        let detail: String
        let code: String
        let requestID: String
        let errors: [ServiceError.Field]?

        enum CodingKeys: String, CodingKey {
            case type, title, status, detail, code, errors
            case requestID = "requestId"
        }
    }

    private static let encoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }()
}

extension Problem {
    package static let notFound = Problem(.notFound, code: "notFound", detail: "Nothing exists at this path.")

    package static func malformed(_ detail: String) -> Problem { Problem(.badRequest, code: "malformed", detail: detail) }

    package static func unauthenticated(_ detail: String) -> Problem {
        Problem(.unauthorized, code: "unauthenticated", detail: detail, headers: [.wwwAuthenticate: "Bearer"])
    }

    package static func unavailable(_ detail: String, retryAfterSeconds: Int = 1) -> Problem {
        Problem(
            .serviceUnavailable, code: "unavailable", detail: detail, headers: [.retryAfter: String(retryAfterSeconds)])
    }

    package init(_ error: TokenError) {
        switch error {
        case .rejected(let detail): self = .unauthenticated(detail)
        case .unavailable(let detail): self = .unavailable(detail)
        }
    }
}
