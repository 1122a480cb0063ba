import Foundation
import Testing

/// One message as some released version wrote it. It stays here for as long as anybody may still send or
/// store its like.
///
/// - Parameter json: compact, keys sorted: what our encoder writes today, unless a field was added since.
func expectGolden<Value: Codable>(_ type: Value.Type, _ json: String, isCurrent: Bool = true) throws {
    let value = try JSONDecoder().decode(Value.self, from: Data(json.utf8))
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    if isCurrent { #expect(String(decoding: try encoder.encode(value), as: UTF8.self) == json, "\(type)") }
    // A newer sender has fields that this build does not know, at every level.
    let newer = json.replacing("{", with: #"{"fieldOfTomorrow":[{"a":null}],"#).replacing(",}", with: "}")
    _ = try JSONDecoder().decode(Value.self, from: Data(newer.utf8))
}
