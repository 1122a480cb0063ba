import Contracts

/// The rules for which version of each section this process uses.
///
/// A version with any invalid value is rejected as a whole, and the last accepted one stays in use. Before
/// the first accepted version, the defaults apply.
struct AcceptedSections: Sendable {
    struct Accepted: Equatable, Sendable {
        let version: Int64
        let values: [String: SettingValue]
    }

    struct Rejected: Equatable, Sendable {
        let version: Int64
        let reason: String
    }

    struct State: Equatable, Sendable {
        /// `nil` while the defaults apply.
        var accepted: Accepted?
        /// The latest version, if it was rejected.
        var rejected: Rejected?
    }

    private let schemas: [SectionSchema]
    private(set) var states: [String: State] = [:]

    init(_ schemas: [SectionSchema] = Sections.all) { self.schemas = schemas }

    /// The effect of a response of `config`.
    struct Outcome: Equatable, Sendable {
        /// The names of sections whose values have changed.
        var changed: [String] = []
        /// The names of sections with a newly rejected version.
        var rejected: [String] = []
    }

    /// Applies the present versions of `sections`. Other sections keep their state; unknown sections are
    /// ignored.
    mutating func apply(_ sections: [ConfigSection]) -> Outcome {
        var outcome = Outcome()
        for section in sections {
            guard let schema = schemas.first(where: { $0.name == section.name }) else { continue }
            let values = schema.completed(schema.known(section.values))
            let complaints = schema.complaints(about: values)
            if complaints.isEmpty {
                if states[section.name]?.accepted?.values ?? schema.defaults != values { outcome.changed.append(section.name) }
                states[section.name] = State(accepted: Accepted(version: section.version, values: values))
            } else if states[section.name]?.rejected?.version != section.version {
                let reason = complaints.map { "\($0.field) \($0.message)" }.joined(separator: "; ")
                states[section.name, default: State()].rejected = Rejected(version: section.version, reason: reason)
                outcome.rejected.append(section.name)
            }
        }
        return outcome
    }
}
