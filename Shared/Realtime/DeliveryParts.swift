import Contracts

/// Cuts a delivery into messages, bounded in bytes and in partitions.
///
/// The broker's costs are messages first, then queues, then routing keys. A delivery is therefore one message
/// for all its partitions. One key for all instances replaces many keys where nearly every instance has
/// recipients. A large delivery is one message per instance, where there are several.
struct DeliveryParts {
    /// The content of one message.
    struct Part: Hashable, Sendable {
        fileprivate(set) var items: [Delivery.Item] = []
        /// The partitions of all recipients.
        fileprivate(set) var partitions: Set<Int> = []
        /// Whether it goes to every instance.
        fileprivate(set) var isForAll = false
        fileprivate var bytes = 0
    }

    /// The approximate limit of a body. A larger item is a message by itself.
    static let maximumBytes = 256 << 10
    /// The limit that lets the partitions' names fit into one frame, in a header.
    static let maximumPartitions = 4_096

    /// The size in bytes from which a delivery is divided among instances.
    ///
    /// Below it, another message costs the shared broker more than skipping the recipients of others costs an
    /// instance.
    static let dividedFrom = 16 << 10
    /// The number of partitions per instance from which nearly every instance has a recipient.
    static let partitionsForAll = 2
    /// The limit of what all instances together receive of one message for all.
    static let bytesForAll = 1 << 20

    private let count: Int
    private let routes: RoutesHint?
    private var open: [Int: Part] = [:]
    private var parts: [Part] = []

    /// - Parameters:
    ///   - partitionCount: the partition count of the deployment.
    ///   - routes: a hint. Whatever it says, every item is in exactly one part for each recipient.
    /// - Returns: the parts. For each recipient the items keep their order. Items without recipients are
    ///   omitted.
    static func of(_ delivery: Delivery, partitionCount: Int, routes: RoutesHint? = nil) -> [Part] {
        let whole = cut(delivery, count: partitionCount, routes: nil)
        guard let routes, routes.count == partitionCount, routes.instances > 0 else { return whole }
        let parts = whole.map { $0.forAll(of: routes.instances) }
        let isDivided = !parts.allSatisfy(\.isForAll) && whole.reduce(0) { $0 + $1.bytes } >= dividedFrom
        return isDivided ? cut(delivery, count: partitionCount, routes: routes) : parts
    }

    /// Returns parts for every instance, whichever partitions it owns.
    static func forAll(_ delivery: Delivery) -> [Part] {
        cut(delivery, count: 1, routes: nil).map { part in
            var part = part
            part.isForAll = true
            return part
        }
    }

    private static func cut(_ delivery: Delivery, count: Int, routes: RoutesHint?) -> [Part] {
        var cut = DeliveryParts(count: count, routes: routes)
        for item in delivery.items { cut.add(item) }
        return cut.parts + cut.open.sorted { $0.key < $1.key }.map(\.value)
    }

    private init(count: Int, routes: RoutesHint?) {
        self.count = count
        self.routes = routes
    }

    private mutating func add(_ item: Delivery.Item) {
        guard routes != nil || item.recipients.count > Self.maximumPartitions else {
            return add(item, partitions: Set(item.recipients.lazy.map(partition)), to: 0)
        }
        var shares: [Int: (recipients: [UserID], partitions: Set<Int>)] = [:]
        for user in item.recipients {
            let partition = partition(of: user)
            let owner = routes?.owner(of: partition) ?? 0
            shares[owner, default: ([], [])].recipients.append(user)
            shares[owner]?.partitions.insert(partition)
            if let share = shares[owner], share.partitions.count == Self.maximumPartitions {
                add(item.to(share.recipients), partitions: share.partitions, to: owner)
                shares[owner] = nil
            }
        }
        for (owner, share) in shares { add(item.to(share.recipients), partitions: share.partitions, to: owner) }
    }

    private func partition(of user: UserID) -> Int { Partitioning.partition(of: user, count: count) }

    private mutating func add(_ item: Delivery.Item, partitions: Set<Int>, to owner: Int) {
        if partitions.isEmpty { return }
        let bytes = item.estimatedBytes
        if let part = open[owner], !part.hasRoom(bytes: bytes, partitions: partitions) {
            parts.append(part)
            open[owner] = nil
        }
        open[owner, default: Part()].add(item, partitions: partitions, bytes: bytes)
    }
}

extension DeliveryParts.Part {
    fileprivate func hasRoom(bytes more: Int, partitions others: Set<Int>) -> Bool {
        bytes + more <= DeliveryParts.maximumBytes && partitions.count + others.count <= DeliveryParts.maximumPartitions
    }

    fileprivate func forAll(of instances: Int) -> Self {
        var part = self
        part.isForAll =
            partitions.count >= DeliveryParts.partitionsForAll * instances && bytes <= DeliveryParts.bytesForAll / instances
        return part
    }

    fileprivate mutating func add(_ item: Delivery.Item, partitions others: Set<Int>, bytes more: Int) {
        items.append(item)
        partitions.formUnion(others)
        bytes += more
    }
}

extension Delivery.Item {
    fileprivate func to(_ recipients: [UserID]) -> Delivery.Item {
        var item = self
        item.recipients = recipients
        return item
    }

    /// An upper bound of the encoded size: an id takes at most 20 bytes, the other fields some 250.
    fileprivate var estimatedBytes: Int { frame.utf8.count + 20 * recipients.count + 400 }
}

/// The owners of partitions as far as they are known.
struct RoutesHint: Hashable, Sendable {
    let epoch: Int64
    /// The number of partitions.
    let count: Int
    let instances: Int
    /// For each partition the number of its instance: 1, 2, 3, …; 0 without an owner.
    private let owners: [Int]

    init(_ routes: Routes) {
        epoch = routes.epoch
        count = routes.partitionCount
        instances = routes.instances.count
        var owners = [Int](repeating: 0, count: max(0, routes.partitionCount))
        for (index, instance) in routes.instances.enumerated() {
            for partition in instance.partitions.members where owners.indices.contains(partition) {
                owners[partition] = index + 1
            }
        }
        self.owners = owners
    }

    func owner(of partition: Int) -> Int { owners.indices.contains(partition) ? owners[partition] : 0 }
}
