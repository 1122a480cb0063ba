/// One value of a section: its range, default and meaning.
package struct SectionField: Sendable {
    package enum Range: Hashable, Sendable {
        case whole(ClosedRange<Int>)
        case number(ClosedRange<Double>)
        /// Seconds with fractions; what is below a millisecond is cut off.
        case seconds(ClosedRange<Double>)
    }

    /// `<section>.<name>`, as in the configuration file: `pageSizes.usual`.
    package let key: String
    package let range: Range
    /// The value in a deployment where no admin has changed it.
    package let fallback: SettingValue
    /// The meaning and unit, for people.
    package let summary: String

    package static func whole(
        _ key: String, in range: ClosedRange<Int>, default fallback: Int, _ summary: String
    ) -> SectionField {
        SectionField(key: key, range: .whole(range), fallback: .whole(Int64(fallback)), summary: summary)
    }

    package static func number(
        _ key: String, in range: ClosedRange<Double>, default fallback: Double, _ summary: String
    ) -> SectionField {
        SectionField(key: key, range: .number(range), fallback: SettingValue(fallback), summary: summary)
    }

    package static func seconds(
        _ key: String, in range: ClosedRange<Double>, default fallback: Double, _ summary: String
    ) -> SectionField {
        SectionField(key: key, range: .seconds(range), fallback: SettingValue(fallback), summary: summary)
    }

    /// The part of ``key`` behind the section's name.
    package var name: String { key.split(separator: ".").last.map(String.init) ?? key }

    /// The accepted values, to follow "must be".
    package var expectation: String {
        switch range {
        case .whole(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .number(let range): "a number from \(range.lowerBound) to \(range.upperBound)"
        case .seconds(let range): "a number of seconds from \(range.lowerBound) to \(range.upperBound)"
        }
    }

    /// Whether `value` is a number of the right kind within the range. A number written as text is not.
    package func accepts(_ value: SettingValue) -> Bool {
        switch (range, value) {
        case (.whole(let range), .whole(let whole)): Int(exactly: whole).map(range.contains) ?? false
        case (.whole, _): false
        case (.number(let range), _), (.seconds(let range), _): value.amount.map(range.contains) ?? false
        }
    }

    /// Reads a value from the environment or a file.
    ///
    /// - Returns: `nil` for a text that is not such a number, or not in the range.
    package func parse(_ text: String) -> SettingValue? {
        let value: SettingValue? =
            switch range {
            case .whole: Int64(text).map { .whole($0) }
            case .number, .seconds: Double(text).map { SettingValue($0) }
            }
        return value.flatMap { accepts($0) ? $0 : nil }
    }
}

/// A rule for two values of a section: `factor` times the lesser is at most the greater.
package struct SectionOrder: Sendable {
    let lesser: String
    let factor: Double
    let greater: String

    package init(_ lesser: String, times factor: Double = 1, atMost greater: String) {
        self.lesser = lesser
        self.factor = factor
        self.greater = greater
    }

    func error(in values: [String: SettingValue]) -> ServiceError.Field? {
        guard let small = values[lesser]?.amount, let great = values[greater]?.amount, small * factor > great else { return nil }
        let most = SettingValue(great / factor)
        return SectionSchema.field(lesser, "must be at most \(most), as \(greater) is \(SettingValue(great))")
    }
}
