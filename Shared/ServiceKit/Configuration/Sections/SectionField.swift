import Contracts

/// One value of a section: a ``Setting`` that an admin may change while processes run.
package struct SectionField: Sendable {
    package let name: String
    package let setting: SettingDescription
    /// What it is in a deployment that has never been asked.
    package let fallback: SettingValue
    private let accepts: @Sendable (String) -> Bool
    /// Whether it is set in some settings.
    let isSet: @Sendable (Settings) -> Bool

    package init(_ setting: Setting<Int>) { self.init(setting) { .whole(Int64($0)) } }
    package init(_ setting: Setting<Double>) { self.init(setting) { SettingValue($0) } }
    package init(_ setting: Setting<Duration>) { self.init(setting) { SettingValue($0 / .seconds(1)) } }

    private init<Value>(_ setting: Setting<Value>, _ value: (Value) -> SettingValue) {
        guard let fallback = setting.fallback else {
            preconditionFailure("a value of a section has a default: \(setting.key)")
        }
        name = setting.key.split(separator: ".").last.map(String.init) ?? setting.key
        self.setting = setting.description
        self.fallback = value(fallback)
        accepts = { setting.parse($0) != nil }
        isSet = { settings in (try? settings.optional(setting)) != nil }
    }

    /// What is wrong with `value`, and `nil` when nothing is. As when it is read: what is a number as text is no number here.
    func complaint(about value: SettingValue) -> String? {
        let isAcceptable =
            switch value {
            case .whole(let whole): accepts("\(whole)")
            case .number(let number): accepts("\(number)")
            case .flag, .text, .other: false
            }
        return isAcceptable ? nil : "must be \(setting.expectation)"
    }
}

/// Of two values of a section: so many times the lesser is at most the greater.
package struct SectionOrder: Sendable {
    let lesser: String
    let factor: Double
    let greater: String

    package init(_ lesser: String, times factor: Double = 1, atMost greater: String) {
        (self.lesser, self.factor, self.greater) = (lesser, factor, greater)
    }

    func complaint(about values: [String: SettingValue]) -> ServiceError.Field? {
        guard let small = values[lesser]?.amount, let great = values[greater]?.amount, small * factor > great else { return nil }
        let most = SettingValue(great / factor)
        return SectionSchema.field(lesser, "must be at most \(most.text), as \(greater) is \(SettingValue(great).text)")
    }
}

extension SettingValue {
    /// Of a number.
    var amount: Double? {
        switch self {
        case .whole(let whole): Double(whole)
        case .number(let number): number
        case .flag, .text, .other: nil
        }
    }

    package var text: String {
        switch self {
        case .flag(let flag): "\(flag)"
        case .whole(let whole): "\(whole)"
        case .number(let number): "\(number)"
        case .text(let text): text
        case .other: "?"
        }
    }
}
