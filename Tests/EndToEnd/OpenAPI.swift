import Foundation
import StackTesting

/// The part of an OpenAPI 3.1 document that is needed to check responses.
struct OpenAPI {
    struct Operation {
        let id: String
        let method: String
        let path: String
        /// Whether the operation needs no token.
        let isOpen: Bool
        fileprivate let responses: [String: Any]
        /// Whether the operation requires the role admin.
        var isAdmins: Bool { path.hasPrefix("/v1/admin/") }
    }

    let operations: [Operation]
    private let components: [String: Any]

    init(_ document: [String: Any]) throws {
        components = document["components"] as? [String: Any] ?? [:]
        let paths = document["paths"] as? [String: [String: [String: Any]]] ?? [:]
        operations = paths.flatMap { path, methods in
            methods.map { method, operation in
                Operation(
                    id: operation["operationId"] as? String ?? "", method: method.uppercased(), path: path,
                    isOpen: (operation["security"] as? [Any])?.isEmpty == true,
                    responses: operation["responses"] as? [String: Any] ?? [:])
            }
        }
    }

    /// Returns the differences between a response and its documentation.
    func violations(about answer: API.Response, to operation: Operation) -> [String] {
        guard let response = operation.responses[String(answer.status)].map(resolved) else {
            return ["status \(answer.status) is not documented"]
        }
        var violations: [String] = []
        for name in (response["headers"] as? [String: Any] ?? [:]).keys where answer.header(name) == nil {
            violations.append("no \(name)")
        }
        guard let content = response["content"] as? [String: [String: Any]], let (type, media) = content.first else {
            return violations + (answer.body.isEmpty ? [] : ["an undocumented body"])
        }
        if answer.header("Content-Type") != type { violations.append("content type \(answer.header("Content-Type") ?? "none")") }
        guard let value = try? JSONSerialization.jsonObject(with: answer.body) else { return violations + ["no JSON"] }
        if let schema = media["schema"] as? [String: Any] { violations += mismatches(value, schema, at: "") }
        return violations
    }

    private func resolved(_ any: Any) -> [String: Any] {
        guard let object = any as? [String: Any] else { return [:] }
        guard let reference = object["$ref"] as? String else { return object }
        let keys = reference.split(separator: "/").dropFirst(2)
        return keys.reduce(components as Any) { ($0 as? [String: Any])?[String($1)] ?? [:] } as? [String: Any] ?? [:]
    }

    private func mismatches(_ value: Any, _ schema: [String: Any], at path: String) -> [String] {
        let schema = resolved(schema)
        switch schema["type"] as? String {
        case "object": return object(value, schema, at: path)
        case "array":
            guard let array = value as? [Any] else { return ["\(path) is no array"] }
            let items = schema["items"] as? [String: Any] ?? [:]
            return array.enumerated().flatMap { mismatches($1, items, at: "\(path)[\($0)]") }
        case "string": return string(value, schema, at: path)
        case "integer": return value is Int ? [] : ["\(path) is no integer"]
        case "boolean": return value is Bool ? [] : ["\(path) is no boolean"]
        default: return []
        }
    }

    private func object(_ value: Any, _ schema: [String: Any], at path: String) -> [String] {
        guard let object = value as? [String: Any] else { return ["\(path) is no object"] }
        let properties = schema["properties"] as? [String: [String: Any]] ?? [:]
        let missing = (schema["required"] as? [String] ?? []).filter { object[$0] == nil }.map { "\(path).\($0) is missing" }
        let undocumented =
            properties.isEmpty ? [] : object.keys.filter { properties[$0] == nil }.map { "\(path).\($0) is not documented" }
        return missing + undocumented
            + object.flatMap { key, value in properties[key].map { mismatches(value, $0, at: "\(path).\(key)") } ?? [] }
    }

    private func string(_ value: Any, _ schema: [String: Any], at path: String) -> [String] {
        guard let text = value as? String else { return ["\(path) is no string"] }
        if let allowed = schema["enum"] as? [String], !allowed.contains(text) { return ["\(path) is \(text)"] }
        if let pattern = schema["pattern"] as? String, text.range(of: pattern, options: .regularExpression) == nil {
            return ["\(path) does not match \(pattern)"]
        }
        if schema["format"] as? String == "date-time",
            text.range(of: #"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"#, options: .regularExpression) == nil
        {
            return ["\(path) is no time"]
        }
        return []
    }
}
