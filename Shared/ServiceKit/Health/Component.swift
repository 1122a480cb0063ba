/// How a part of the process, or something it depends on, is doing.
package struct ComponentReport: Sendable, Equatable, Encodable {
    package enum Status: String, Sendable, Encodable {
        case up
        /// Works, but not as it should.
        case degraded
        case down
    }

    package let status: Status
    /// Why it is not simply up, for people.
    package let reason: String?
    /// More for `/healthz`: numbers, states, times.
    package let details: [String: String]?

    package init(_ status: Status, _ reason: String? = nil, details: [String: String]? = nil) {
        (self.status, self.reason, self.details) = (status, reason, details)
    }

    package static let up = ComponentReport(.up)
    package static func down(_ reason: String) -> ComponentReport { ComponentReport(.down, reason) }
    package static func degraded(_ reason: String) -> ComponentReport { ComponentReport(.degraded, reason) }

    /// Of a feed of news that has been silent for so long; `nil` while it is not.
    package static func feed(silentFor silence: Duration?, patience: Duration) -> ComponentReport {
        guard let silence else { return .up }
        let text = "no news for \(silence.components.seconds) s"
        return silence > patience ? .down(text) : .degraded(text)
    }
}

/// What a component's state means for the process.
package enum ComponentRole: Sendable {
    /// Without it this process cannot do its work, while another instance may: it is not ready while this is down. A lease, a key.
    case own
    /// Must have been up once before the process counts as started. Being migrated, consuming.
    case startup
    /// Shared with the other instances: shown, and nothing more, so that an outage does not take every instance out of the balancer.
    case dependency
    /// Only for `/healthz`. Circuit breakers.
    case detail
}
