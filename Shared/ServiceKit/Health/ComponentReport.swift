/// The state of a part of the process, or of a dependency.
package struct ComponentReport: Sendable, Equatable, Encodable {
    package enum Status: String, Sendable, Encodable {
        case up
        /// Works with limitations.
        case degraded
        case down
    }

    package let status: Status
    /// Why the state is not `up`, for operators.
    package let reason: String?
    /// Numbers, states and times for `/healthz`.
    package let details: [String: String]?

    package init(_ status: Status, _ reason: String? = nil, details: [String: String]? = nil) {
        self.status = status
        self.reason = reason
        self.details = details
    }

    package static let up = ComponentReport(.up)
    package static func down(_ reason: String) -> ComponentReport { ComponentReport(.down, reason) }
    package static func degraded(_ reason: String) -> ComponentReport { ComponentReport(.degraded, reason) }

    /// The state of a feed of events.
    ///
    /// - Parameters:
    ///   - silence: how long the feed has been silent; `nil` while it works.
    ///   - patience: beyond this silence, the feed is down instead of degraded.
    package static func feed(silentFor silence: Duration?, patience: Duration) -> ComponentReport {
        guard let silence else { return .up }
        let text = "no events for \(silence.components.seconds) s"
        return silence > patience ? .down(text) : .degraded(text)
    }
}

/// The effect of a component's state on the probes.
package enum ComponentRole: Sendable {
    /// Needed by this process only, such as a lease or a key. While it is down, the process is not ready.
    case own
    /// Must have been up once for the process to count as started, such as migrations.
    case startup
    /// Shared with the other instances. Reported only, so that an outage does not make every instance
    /// unready.
    case dependency
    /// Reported at `/healthz` only, such as circuit breakers.
    case detail
}
