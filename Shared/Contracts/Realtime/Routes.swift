/// Which instance of `messaging` has which partitions.
public struct Routes: Codable, Hashable, Sendable {
    /// Grows with every change; a lower one than known is refused.
    public var epoch: Int64
    /// The same for ever; in ``Partitioning/counts``.
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
        /// Where clients reach it, `ws://…` or `wss://…`.
        public var url: String
        /// Whose users it accepts, or will in a moment.
        public var partitions: PartitionSet

        public init(name: String, url: String, partitions: PartitionSet) {
            self.name = name
            self.url = url
            self.partitions = partitions
        }

        enum CodingKeys: String, CodingKey { case name, url, partitions }
    }
}

/// Reads the routes as they are now.
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
