import Contracts

/// Decides which version of each section this process runs with: pure.
///
/// A version with anything wrong in it is refused as a whole, and the last good one goes on; before the first, the defaults hold.
struct KeptSections: Sendable {
    struct Kept: Equatable, Sendable {
        let version: Int64
        let values: [String: SettingValue]
    }

    struct Refused: Equatable, Sendable {
        let version: Int64
        let reason: String
    }

    struct State: Equatable, Sendable {
        /// `nil`: the defaults.
        var kept: Kept?
        /// What came last, if it was not acceptable.
        var refused: Refused?
    }

    private let schemas: [SectionSchema]
    private(set) var states: [String: State] = [:]

    init(_ schemas: [SectionSchema] = Sections.all) { self.schemas = schemas }

    /// What the answer of `config` changes.
    struct Outcome: Equatable, Sendable {
        /// Sections that have other values than before.
        var changed: [String] = []
        /// Sections that were not refused with this version before.
        var refused: [String] = []
    }

    /// - Parameter sections: as they are now. What is not among them stays; so does what this release does not know.
    mutating func take(_ sections: [ConfigSection]) -> Outcome {
        var outcome = Outcome()
        for section in sections {
            guard let schema = schemas.first(where: { $0.name == section.name }) else { continue }
            let values = schema.completed(schema.known(section.values))
            let errors = schema.errors(in: values)
            if errors.isEmpty {
                if states[section.name]?.kept?.values ?? schema.defaults != values { outcome.changed.append(section.name) }
                states[section.name] = State(kept: Kept(version: section.version, values: values))
            } else if states[section.name]?.refused?.version != section.version {
                let reason = errors.map { "\($0.field) \($0.message)" }.joined(separator: "; ")
                states[section.name, default: State()].refused = Refused(version: section.version, reason: reason)
                outcome.refused.append(section.name)
            }
        }
        return outcome
    }
}
