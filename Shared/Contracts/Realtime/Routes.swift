/// The partitions of each instance of `messaging`.
public struct Routes: Codable, Hashable, Sendable {
    /// Increases with every change. Readers ignore routes of a lower epoch.
    public var epoch: Int64
    /// In ``Partitioning/counts``; never changes within a deployment.
    public var partitionCount: Int
    public var instances: [Instance]

    public init(epoch: Int64, partitionCount: Int, instances: [Instance]) {
        self.epoch = epoch
        self.partitionCount = partitionCount
        self.instances = instances
    }

    enum CodingKeys: String, CodingKey { case epoch, partitionCount, instances }

    public struct Instance: Codable, Hashable, Sendable {
        public var name: String
        /// The address for clients, `ws://…` or `wss://…`.
        public var url: String
        /// The partitions whose users it accepts, or is about to accept.
        public var partitions: PartitionSet

        public init(name: String, url: String, partitions: PartitionSet) {
            self.name = name
            self.url = url
            self.partitions = partitions
        }

        enum CodingKeys: String, CodingKey { case name, url, partitions }
    }
}

/// Reads the current routes.
public struct GetRoutes: Procedure {
    public typealias Response = Routes
    public static let name: ProcedureName = "config.routes.v1"
    public static let service = ServiceName.config
    public static let callers: Set<ServiceName> = [.bff, .messaging, .chats, .users]
    public static let timeout = Duration.seconds(2)
    public static let isRepeatable = true
    public static let isReadOnly = true

    public init() {}
}

/// Announces changed routes. A process that keeps routes reads them again.
public struct RoutesChanged: Notice {
    public static let type: EventType = "config.routes.changed.v1"

    public var epoch: Int64

    public init(epoch: Int64) {
        self.epoch = epoch
    }

    enum CodingKeys: String, CodingKey { case epoch }
}

/// A regular notice of each instance of `config` to all others.
///
/// The leader receives its own pulses, which proves that it would receive heartbeats. An instance without
/// Postgres says so before it answers heartbeats with `unavailable`: members keep their leases on that
/// answer, so the leader must not declare them dead.
public struct RoutingPulse: Notice {
    public static let type: EventType = "config.routing.pulse.v1"

    public var instance: String
    /// Whether it cannot reach Postgres.
    public var isCut: Bool

    public init(instance: String, isCut: Bool) {
        self.instance = instance
        self.isCut = isCut
    }

    enum CodingKeys: String, CodingKey { case instance, isCut }
}
