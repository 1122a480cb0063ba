import Contracts
import Edge
import Foundation

/// A JSON object in the body of a request.
protocol JSONBody: Decodable, Sendable {
    /// The fields, so that one response can name everything that is wrong.
    static var fields: [BodyField] { get }
}

/// The expected type of one field.
struct BodyField: Sendable {
    enum Kind: String, Sendable {
        case string = "a string"
        case integer = "a whole number"
        case strings = "an array of strings"
        case object = "an object"
    }

    let name: String
    let kind: Kind
    let required: Bool

    static func required(_ name: String, _ kind: Kind = .string) -> BodyField {
        BodyField(name: name, kind: kind, required: true)
    }
    static func optional(_ name: String, _ kind: Kind = .string) -> BodyField {
        BodyField(name: name, kind: kind, required: false)
    }

    /// Returns the error of a missing or mistyped `value`; `nil` if there is none.
    func error(of value: Any?) -> ServiceError.Field? {
        guard let value, !(value is NSNull) else { return required ? .init(name, "is required") : nil }
        return fits(value) ? nil : .init(name, "must be \(kind.rawValue)")
    }

    private func fits(_ value: Any) -> Bool {
        switch kind {
        case .string: value is String
        case .integer: !(value is Bool) && (value as? NSNumber).map { Double(Int64(truncating: $0)) == $0.doubleValue } == true
        case .strings: value is [String]
        case .object: value is [String: Any]
        }
    }
}

extension JSONBody {
    /// Returns why `data` could not be decoded.
    ///
    /// - Parameter error: the error of the decoder.
    static func problem(with data: Data, _ error: any Error) -> Problem {
        guard let object = try? JSONSerialization.jsonObject(with: data) else {
            return .malformed("Send the body as JSON in UTF-8.")
        }
        guard let object = object as? [String: Any] else { return .malformed("Send the body as a JSON object.") }
        let errors = fields.compactMap { $0.error(of: object[$0.name]) }
        if !errors.isEmpty { return .invalid(errors) }
        guard case .dataCorrupted(let context) = error as? DecodingError, !context.codingPath.isEmpty else {
            return .malformed("The body does not have the documented form.")
        }
        return .invalid(path(context.codingPath), context.debugDescription)
    }

    private static func path(_ keys: [any CodingKey]) -> String {
        keys.reduce(into: "") { path, key in
            if let index = key.intValue {
                path += "[\(index)]"
            } else {
                path += path.isEmpty ? key.stringValue : ".\(key.stringValue)"
            }
        }
    }
}
