import Contracts

extension SectionField {
    /// The setting by which the environment or the file overrides the value that an admin has set.
    package var setting: Setting<SettingValue> {
        Setting(key, default: fallback, mustBe: expectation, summary) { parse($0) }
    }
}

extension DynamicSection {
    /// Reads the section: the environment goes before the file, the file before what an admin has set, that
    /// before the default.
    package init(_ settings: Settings) throws(ConfigurationError) {
        var values: [String: SettingValue] = [:]
        for field in Self.schema.fields { values[field.name] = try settings.value(field) }
        self.init(SectionValues(values))
    }
}

extension Settings {
    /// Returns the value of a field of a section, or its default.
    ///
    /// - Throws: when it is set to an unacceptable value.
    package func value(_ field: SectionField) throws(ConfigurationError) -> SettingValue { try value(field.setting) }
}

extension Sections {
    package static var settings: [SettingDescription] { all.flatMap { $0.fields.map(\.setting.description) } }
}
