/// One value of a section: a JSON value without structure. A number without a fraction is
/// ``whole(_:)``, also when written as `1.0`.
public enum SettingValue: Hashable, Sendable {
    case flag(Bool)
    case whole(Int64)
    case number(Double)
    case text(String)
    /// Another kind of value; encoded as `null`.
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

extension SettingValue: CustomStringConvertible {
    /// The value of a number.
    var amount: Double? {
        switch self {
        case .whole(let whole): Double(whole)
        case .number(let number): number
        case .flag, .text, .other: nil
        }
    }

    public var description: String {
        switch self {
        case .flag(let flag): "\(flag)"
        case .whole(let whole): "\(whole)"
        case .number(let number): "\(number)"
        case .text(let text): text
        case .other: "?"
        }
    }
}
