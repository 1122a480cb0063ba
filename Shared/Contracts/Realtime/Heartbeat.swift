/// Reports the state of an instance of `messaging`, renews its lease, and returns its assignment.
///
/// The lease runs from the time at which the heartbeat was sent.
public struct Heartbeat: Procedure {
    public static let name: ProcedureName = "config.heartbeat.v1"
    public static let service = ServiceName.config
    public static let callers: Set<ServiceName> = [.messaging]
    /// Well below half of the lease: two heartbeats without an answer must not lose it.
    public static let timeout = Duration.milliseconds(700)
    public static let isRepeatable = true
    /// Each instance has one heartbeat under way, and loses its users if it is refused.
    public static let isVital = true

    /// The instance's name, unique at any time.
    public var instance: String
    /// A new value for every start of the process. Bindings of an earlier incarnation no longer exist.
    public var incarnation: String
    /// The address for clients, `ws://…` or `wss://…`.
    public var url: String
    /// The configured number of partitions. Another number than the deployment's is a `conflict`, and the
    /// process exits.
    public var partitionCount: Int
    /// The highest epoch that the instance has seen.
    public var epoch: Int64
    /// The partitions whose deliveries reach the instance.
    public var bound: PartitionSet
    /// The partitions whose users it accepts, or still has connections of.
    public var served: PartitionSet
    public var load: Load
    /// Whether it is draining: it gets no partitions, and its own are reassigned.
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

    /// The load of an instance.
    public struct Load: Codable, Hashable, Sendable {
        /// The current number.
        public var connections: Int
        /// Processor seconds per second since the last heartbeat: 1 is one core.
        public var cpu: Double
        /// Bytes per second to clients since the last heartbeat.
        public var outboundBytes: Double

        public init(connections: Int, cpu: Double, outboundBytes: Double) {
            self.connections = connections
            self.cpu = cpu
            self.outboundBytes = outboundBytes
        }

        enum CodingKeys: String, CodingKey { case connections, cpu, outboundBytes }
    }

    /// The assignment of the instance.
    public struct Response: Codable, Hashable, Sendable {
        /// The epoch of this assignment. An instance that has seen a higher one ignores the answer.
        public var epoch: Int64
        /// Counted from the time at which the heartbeat was sent.
        public var leaseMilliseconds: Int64
        /// The partitions to bind. All others but those in ``Heartbeat/served`` are to be unbound.
        public var bind: PartitionSet
        /// The partitions whose users are to be accepted. Connected users of other partitions are to be moved
        /// by the routes.
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
