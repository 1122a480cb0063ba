import Contracts

/// The result of a request to change a section whose values are already validated.
enum SectionRevision: Equatable {
    /// The section as it is after the change.
    case change(ConfigSection)
    /// The section has these values already, from this request or from another one.
    case unchanged
    /// The request names another version than the present one.
    case stale

    /// - Parameter present: includes every value that the request must contain. Values beyond those were
    ///   stored by a later release and stay.
    init(_ request: SetSection, on present: ConfigSection, at now: Timestamp) {
        let values = present.values.merging(request.values) { $1 }
        let isStored = values == present.values
        switch request.version {
        case present.version where isStored: self = .unchanged
        case present.version:
            self = .change(
                ConfigSection(
                    name: present.name, version: present.version + 1, values: values, changedAt: max(now, present.changedAt),
                    changedBy: request.userID))
        // A repeat: the answer to the first attempt was lost.
        case present.version - 1 where isStored && present.changedBy == request.userID: self = .unchanged
        default: self = .stale
        }
    }
}
