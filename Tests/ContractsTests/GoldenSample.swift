import Foundation
import Testing

/// Checks one sample as a released version wrote it. A sample stays for as long as a sender or a store may
/// still have its like.
///
/// - Parameter json: compact, with sorted keys: what the encoder writes, unless a field was added since.
func expectGolden<Value: Codable>(_ type: Value.Type, _ json: String, isCurrent: Bool = true) throws {
    let value = try JSONDecoder().decode(Value.self, from: Data(json.utf8))
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    if isCurrent { #expect(String(decoding: try encoder.encode(value), as: UTF8.self) == json, "\(type)") }
    // A newer sender adds fields at every level.
    let newer = json.replacing("{", with: #"{"fieldOfTomorrow":[{"a":null}],"#).replacing(",}", with: "}")
    _ = try JSONDecoder().decode(Value.self, from: Data(newer.utf8))
}
