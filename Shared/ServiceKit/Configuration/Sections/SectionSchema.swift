import Contracts

/// What a section consists of and what is acceptable in it: the same for `config`, before a change is stored, and for whoever reads it.
package struct SectionSchema: Sendable {
    package let name: String
    package let fields: [SectionField]
    private let orders: [SectionOrder]

    /// - Parameter name: the beginning of the keys of all `fields`, up to the point.
    package init(_ name: String, _ fields: [SectionField], orders: [SectionOrder] = []) {
        (self.name, self.fields, self.orders) = (name, fields, orders)
    }

    /// What a deployment begins with.
    package var defaults: [String: SettingValue] {
        Dictionary(uniqueKeysWithValues: fields.map { ($0.name, $0.fallback) })
    }

    /// With the defaults of what is not there: an earlier release did not know it.
    package func completed(_ values: [String: SettingValue]) -> [String: SettingValue] { defaults.merging(values) { $1 } }

    /// Without what a later release has added.
    func known(_ values: [String: SettingValue]) -> [String: SettingValue] {
        let names = Set(fields.map(\.name))
        return values.filter { names.contains($0.key) }
    }

    /// All that is wrong with `values`, field by field: what is absent, unknown, of another type, out of its range, or does not fit the others.
    package func complaints(about values: [String: SettingValue]) -> [ServiceError.Field] {
        let names = Set(fields.map(\.name))
        let unknown = values.keys.filter { !names.contains($0) }.sorted().map {
            Self.field($0, "is not known; \(name) has \(fields.map(\.name).joined(separator: ", "))")
        }
        let wrong = fields.compactMap { field -> ServiceError.Field? in
            guard let value = values[field.name] else {
                return Self.field(field.name, "is missing; it must be \(field.setting.expectation)")
            }
            return field.complaint(about: value).map { Self.field(field.name, $0) }
        }
        if !wrong.isEmpty { return unknown + wrong }
        return unknown + orders.compactMap { $0.complaint(about: values) }
    }

    /// As the wire has it.
    static func field(_ name: String, _ message: String) -> ServiceError.Field {
        // Whatever a client made up comes back shortened.
        ServiceError.Field("values.\(name.prefix(64))", message)
    }
}

/// A section as the code that uses it sees it.
package protocol DynamicSection: Sendable {
    static var schema: SectionSchema { get }
    /// As it is now: the environment goes before the file, the file before what an admin has set, that before the default.
    init(_ settings: Settings) throws(ConfigurationError)
}

/// All sections there are.
package enum Sections {
    package static let all: [SectionSchema] = [
        PageSizes.schema, SearchBounds.schema, CacheTimes.schema, TokenTimes.schema, CircuitBreakerPolicy.schema,
        MessagingThresholds.schema,
    ]

    package static subscript(name: String) -> SectionSchema? { all.first { $0.name == name } }

    package static var settings: [SettingDescription] { all.flatMap { $0.fields.map(\.setting) } }
}
