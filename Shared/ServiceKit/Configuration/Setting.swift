/// A setting: its key, meaning, accepted values and default.
///
/// The dotted key is the path in the configuration file (`postgres.directHost`). It determines the
/// environment variable (`MARTLET_POSTGRES_DIRECT_HOST`).
package struct Setting<Value: Sendable>: Sendable {
    package let key: String
    /// The default. Without one, the setting is required, unless it is read with ``Settings/optional(_:)``.
    package let fallback: Value?
    /// A description of accepted values that completes "must be".
    package let expectation: String
    /// The meaning and unit, for the help and for errors.
    package let summary: String
    /// Whether the value must never be printed.
    package let isSecret: Bool
    let parse: @Sendable (String) -> Value?

    package init(
        _ key: String, default fallback: Value?, mustBe expectation: String, _ summary: String, isSecret: Bool = false,
        parse: @escaping @Sendable (String) -> Value?
    ) {
        self.key = key
        self.fallback = fallback
        self.expectation = expectation
        self.summary = summary
        self.isSecret = isSecret
        self.parse = parse
    }

    /// The name of the environment variable.
    package var variable: String { Settings.variable(for: key) }

    package var description: SettingDescription {
        SettingDescription(
            variable: variable, key: key, expectation: expectation, summary: summary,
            fallback: isSecret ? nil : fallback.map { "\($0)" })
    }
}

/// A setting without its type, for the help and for documentation.
package struct SettingDescription: Sendable {
    package let variable: String
    package let key: String
    package let expectation: String
    package let summary: String
    /// The default; `nil` without one.
    package let fallback: String?
}

extension Setting where Value == String {
    /// Text of 1 to `limit` Unicode scalars.
    package static func text(_ key: String, default fallback: String? = nil, limit: Int = 1_024, _ summary: String) -> Setting {
        Setting(key, default: fallback, mustBe: "text of at most \(limit) characters", summary) {
            $0.unicodeScalars.count <= limit ? $0 : nil
        }
    }

    /// A name that is valid in queue names and metric labels.
    package static func name(_ key: String, default fallback: String? = nil, _ summary: String) -> Setting {
        Setting(key, default: fallback, mustBe: "1 to 100 of the characters A–Z a–z 0–9 . _ -", summary) {
            isName($0) ? $0 : nil
        }
    }

    static func isName(_ text: String) -> Bool {
        (1...100).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}

extension Setting where Value == Int {
    package static func whole(_ key: String, in range: ClosedRange<Int>, default fallback: Int? = nil, _ summary: String)
        -> Setting
    {
        Setting(key, default: fallback, mustBe: "a whole number from \(range.lowerBound) to \(range.upperBound)", summary) {
            Int($0).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// A TCP port.
    package static func port(_ key: String, default fallback: Int? = nil, _ summary: String) -> Setting {
        whole(key, in: 1...65_535, default: fallback, summary)
    }
}

extension Setting where Value == Double {
    package static func number(
        _ key: String, in range: ClosedRange<Double>, default fallback: Double? = nil, _ summary: String
    ) -> Setting {
        Setting(key, default: fallback, mustBe: "a number from \(range.lowerBound) to \(range.upperBound)", summary) {
            Double($0).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

extension Setting where Value == Duration {
    /// A number of seconds with up to three decimals; further decimals are cut off.
    package static func seconds(
        _ key: String, in range: ClosedRange<Double>, default fallback: Double? = nil, _ summary: String
    ) -> Setting {
        Setting(
            key, default: fallback.map { .milliseconds(Int64($0 * 1_000)) },
            mustBe: "a number of seconds from \(range.lowerBound) to \(range.upperBound)", summary
        ) {
            Double($0).flatMap { range.contains($0) ? .milliseconds(Int64($0 * 1_000)) : nil }
        }
    }
}

extension Setting where Value == Bool {
    package static func flag(_ key: String, default fallback: Bool, _ summary: String) -> Setting {
        Setting(key, default: fallback, mustBe: "true or false", summary) {
            switch $0.lowercased() {
            case "true", "yes", "on", "1": true
            case "false", "no", "off", "0": false
            default: nil
            }
        }
    }
}

extension Setting where Value == Secret {
    package static func secret(_ key: String, _ summary: String) -> Setting {
        Setting(key, default: nil, mustBe: "text of 1 to 4096 characters", summary, isSecret: true) {
            $0.unicodeScalars.count <= 4_096 ? Secret($0) : nil
        }
    }
}

extension Setting where Value: CaseIterable & RawRepresentable<String> {
    /// One of the cases of `Value`, by its raw value in any case.
    package static func choice(_ key: String, default fallback: Value? = nil, _ summary: String) -> Setting {
        let choices = Value.allCases.map(\.rawValue)
        return Setting(key, default: fallback, mustBe: "one of " + choices.joined(separator: ", "), summary) {
            Value(rawValue: $0.lowercased())
        }
    }
}

/// Text that is never printed by accident: descriptions, dumps and logs show a placeholder.
package struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let text: String

    package init(_ text: String) { self.text = text }

    /// Returns the text. For code that must send it.
    package func reveal() -> String { text }

    package var description: String { "<secret>" }
    package var debugDescription: String { "<secret>" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
