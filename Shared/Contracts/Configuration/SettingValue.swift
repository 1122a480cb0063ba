/// One value of a section, a simple one of JSON. A number without a fraction is ``whole(_:)``, however it was written.
public enum SettingValue: Hashable, Sendable {
    case flag(Bool)
    case whole(Int64)
    case number(Double)
    case text(String)
    /// Of a kind that this release does not know; it cannot be passed on.
    case other

    public init(_ number: Double) { self = Int64(exactly: number).map { .whole($0) } ?? .number(number) }
}

extension SettingValue: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let flag = try? container.decode(Bool.self) {
            self = .flag(flag)
        } else if let whole = try? container.decode(Int64.self) {
            self = .whole(whole)
        } else if let number = try? container.decode(Double.self) {
            self = SettingValue(number)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else {
            self = .other
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .flag(let flag): try container.encode(flag)
        case .whole(let whole): try container.encode(whole)
        case .number(let number): try container.encode(number)
        case .text(let text): try container.encode(text)
        case .other: try container.encodeNil()
        }
    }
}
