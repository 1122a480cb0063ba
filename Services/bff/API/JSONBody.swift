import Contracts
import Foundation

/// A JSON object that a client sends.
protocol JSONBody: Decodable, Sendable {
    /// Its fields, to say everything that is wrong with a body at once.
    static var fields: [BodyField] { get }
}

/// The shape of one field.
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

    /// What is wrong with `value`; `nil` when nothing is.
    func complaint(about value: Any?) -> ServiceError.Field? {
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
    /// Why `data` is no `Self`, after decoding has failed.
    static func problem(with data: Data, _ error: any Error) -> Problem {
        guard let object = try? JSONSerialization.jsonObject(with: data) else {
            return .malformed("The body is not JSON in UTF-8.")
        }
        guard let object = object as? [String: Any] else { return .malformed("The body must be a JSON object.") }
        let complaints = fields.compactMap { $0.complaint(about: object[$0.name]) }
        if !complaints.isEmpty { return .invalid(complaints) }
        guard case .dataCorrupted(let context) = error as? DecodingError, !context.codingPath.isEmpty else {
            return .malformed("The body could not be read.")
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
