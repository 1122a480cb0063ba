/// The fields of a section and the rules for their values.
///
/// `config` checks a change against it before storing the change; services check what they read.
package struct SectionSchema: Sendable {
    package let name: String
    package let fields: [SectionField]
    private let orders: [SectionOrder]

    /// - Parameter name: the part of the fields' keys before the point.
    package init(_ name: String, _ fields: [SectionField], orders: [SectionOrder] = []) {
        self.name = name
        self.fields = fields
        self.orders = orders
    }

    package var defaults: [String: SettingValue] {
        Dictionary(uniqueKeysWithValues: fields.map { ($0.name, $0.fallback) })
    }

    /// Adds the defaults of absent fields: an earlier release did not store them.
    package func completed(_ values: [String: SettingValue]) -> [String: SettingValue] { defaults.merging(values) { $1 } }

    /// Removes the fields that only a later release has.
    package func known(_ values: [String: SettingValue]) -> [String: SettingValue] {
        let names = Set(fields.map(\.name))
        return values.filter { names.contains($0.key) }
    }

    /// Returns an error for every field that is absent, unknown, of another type, out of its range, or in
    /// conflict with another field.
    package func errors(in values: [String: SettingValue]) -> [ServiceError.Field] {
        let names = Set(fields.map(\.name))
        let unknown = values.keys.filter { !names.contains($0) }.sorted().map {
            Self.field($0, "is not known; \(name) has \(fields.map(\.name).joined(separator: ", "))")
        }
        let wrong = fields.compactMap { field -> ServiceError.Field? in
            guard let value = values[field.name] else {
                return Self.field(field.name, "is missing; it must be \(field.expectation)")
            }
            return field.accepts(value) ? nil : Self.field(field.name, "must be \(field.expectation)")
        }
        if !wrong.isEmpty { return unknown + wrong }
        return unknown + orders.compactMap { $0.error(in: values) }
    }

    /// - Parameter name: shortened, because a client may have invented it.
    static func field(_ name: String, _ message: String) -> ServiceError.Field {
        ServiceError.Field("values.\(name.prefix(64))", message)
    }
}

/// The values of one section by field; the default of a field where there is no number.
package struct SectionValues: Sendable {
    private let values: [String: SettingValue]

    /// - Parameter values: by the names of the fields.
    package init(_ values: [String: SettingValue]) { self.values = values }

    package func whole(_ field: SectionField) -> Int { Int(amount(field)) }
    package func number(_ field: SectionField) -> Double { amount(field) }
    package func duration(_ field: SectionField) -> Duration { .milliseconds(Int64(amount(field) * 1_000)) }

    private func amount(_ field: SectionField) -> Double { values[field.name]?.amount ?? field.fallback.amount ?? 0 }
}

/// A section of the dynamic configuration as a typed value.
package protocol DynamicSection: Sendable {
    static var schema: SectionSchema { get }
    /// - Parameter values: each in its range; two of them may still conflict, because the environment
    ///   overrides single values.
    init(_ values: SectionValues)
}

/// All sections of this release.
package enum Sections {
    package static let all: [SectionSchema] = [
        PageSizes.schema, SearchBounds.schema, CacheTimes.schema, TokenTimes.schema, CircuitBreakerPolicy.schema,
        MessagingThresholds.schema,
    ]

    package static subscript(name: String) -> SectionSchema? { all.first { $0.name == name } }
}
