import Contracts

/// What a request to change a section comes to: pure. Whether its values are acceptable was looked at before.
enum SectionRevision: Equatable {
    /// This is the section from now on.
    case change(ConfigSection)
    /// The values are there already, by this very request or without it.
    case unchanged
    /// It was meant for another version than the present one.
    case stale

    /// - Parameter present: with all values that the request must have. What it has beyond them a later release has stored: that stays.
    init(_ request: SetSection, on present: ConfigSection, at now: Timestamp) {
        let values = present.values.merging(request.values) { $1 }
        let isThere = values == present.values
        switch request.version {
        case present.version where isThere: self = .unchanged
        case present.version:
            self = .change(
                ConfigSection(
                    name: present.name, version: present.version + 1, values: values, changedAt: max(now, present.changedAt),
                    changedBy: request.userID))
        // The answer to its first try was lost.
        case present.version - 1 where isThere && present.changedBy == request.userID: self = .unchanged
        default: self = .stale
        }
    }
}
