/// An instance of `messaging` says that it is there and what it has done, and hears what to do. Its lease runs from the moment it asked.
public struct Heartbeat: Procedure {
    public static let name: ProcedureName = "config.heartbeat.v1"
    public static let service = ServiceName.config
    public static let callers: Set<ServiceName> = [.messaging]
    /// Well below half of the lease: two that stay without an answer must not cost it.
    public static let timeout = Duration.milliseconds(700)
    public static let isRepeatable = true
    /// Each instance has one under way, and loses its users when it stays away.
    public static let isVital = true

    /// Its name, unique at any time.
    public var instance: String
    /// Chosen anew with every start of the process: what an earlier one had bound is not bound any more.
    public var incarnation: String
    /// Where clients reach it, `ws://…` or `wss://…`.
    public var url: String
    /// What it was started with; another than the deployment's is `conflict`, and the process ends.
    public var partitionCount: Int
    /// The highest that it has seen.
    public var epoch: Int64
    /// Partitions whose deliveries reach it.
    public var bound: PartitionSet
    /// Partitions whose users it accepts, or still has connections of.
    public var served: PartitionSet
    public var load: Load
    /// It wants to go: it gets nothing new, and what it has goes elsewhere.
    public var isLeaving: Bool

    public init(
        instance: String, incarnation: String, url: String, partitionCount: Int, epoch: Int64, bound: PartitionSet,
        served: PartitionSet, load: Load, isLeaving: Bool = false
    ) {
        self.instance = instance
        self.incarnation = incarnation
        self.url = url
        self.partitionCount = partitionCount
        self.epoch = epoch
        self.bound = bound
        self.served = served
        self.load = load
        self.isLeaving = isLeaving
    }

    enum CodingKeys: String, CodingKey { case instance, incarnation, url, partitionCount, epoch, bound, served, load, isLeaving }

    /// How busy it is.
    public struct Load: Codable, Hashable, Sendable {
        /// Now.
        public var connections: Int
        /// Of the time since the last heartbeat, processor seconds a second: 1 is one core.
        public var cpu: Double
        /// Bytes to clients a second, since the last heartbeat.
        public var outboundBytes: Double

        public init(connections: Int, cpu: Double, outboundBytes: Double) {
            self.connections = connections
            self.cpu = cpu
            self.outboundBytes = outboundBytes
        }

        enum CodingKeys: String, CodingKey { case connections, cpu, outboundBytes }
    }

    /// What to do.
    public struct Response: Codable, Hashable, Sendable {
        /// Of this assignment; an instance that has seen a higher one ignores the answer.
        public var epoch: Int64
        /// From the moment the heartbeat was sent.
        public var leaseMilliseconds: Int64
        /// Have the deliveries of these come, and of no others but those of ``Heartbeat/served``.
        public var bind: PartitionSet
        /// Accept the users of these, and of no others: whoever is connected of another is told to go where the routes say.
        public var serve: PartitionSet

        public init(epoch: Int64, leaseMilliseconds: Int64, bind: PartitionSet, serve: PartitionSet) {
            self.epoch = epoch
            self.leaseMilliseconds = leaseMilliseconds
            self.bind = bind
            self.serve = serve
        }

        enum CodingKeys: String, CodingKey { case epoch, leaseMilliseconds, bind, serve }
    }
}
