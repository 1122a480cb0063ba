import Contracts

/// Cuts a delivery into messages, bounded in bytes and in partitions.
///
/// What costs the broker are messages, then queues, then keys. So it is one message for all partitions; where that would reach nearly every instance, one key
/// for all instances instead of many; and where there are many instances and much to tell, one message for each.
struct DeliveryParts {
    /// What one message tells of.
    struct Part: Hashable, Sendable {
        fileprivate(set) var items: [Delivery.Item] = []
        /// Those of all recipients.
        fileprivate(set) var partitions: Set<Int> = []
        /// Goes to every instance.
        fileprivate(set) var isForAll = false
        fileprivate var bytes = 0
    }

    /// Of a body, about; an item that is larger is a message by itself.
    static let maximumBytes = 256 << 10
    /// Their names, in a header, must fit into one frame.
    static let maximumPartitions = 4_096

    /// Smaller ones are not divided: to publish another one costs the broker, which all share, more than it costs an instance to pass over what is not for it.
    static let dividedFrom = 16 << 10
    /// So many partitions for each instance, and hardly one has no recipient.
    static let partitionsForAll = 2
    /// What all instances together may get of one message for all.
    static let bytesForAll = 1 << 20

    private let count: Int
    private let routes: RoutesHint?
    private var open: [Int: Part] = [:]
    private var parts: [Part] = []

    /// - Parameters:
    ///   - partitionCount: of the deployment.
    ///   - routes: a hint; whatever it says, everything is in some part once for each recipient.
    /// - Returns: for each recipient in the order of the items. Items without recipients are left out.
    static func of(_ delivery: Delivery, partitionCount: Int, routes: RoutesHint? = nil) -> [Part] {
        let whole = cut(delivery, partitionCount, nil)
        guard let routes, routes.count == partitionCount, routes.instances > 0 else { return whole }
        let parts = whole.map { $0.forAll(of: routes.instances) }
        let isDivided = !parts.allSatisfy(\.isForAll) && whole.reduce(0) { $0 + $1.bytes } >= dividedFrom
        return isDivided ? cut(delivery, partitionCount, routes) : parts
    }

    /// For every instance, whichever partitions it has.
    static func forAll(_ delivery: Delivery) -> [Part] {
        cut(delivery, 1, nil).map { part in
            var part = part
            part.isForAll = true
            return part
        }
    }

    private static func cut(_ delivery: Delivery, _ count: Int, _ routes: RoutesHint?) -> [Part] {
        var cut = DeliveryParts(count: count, routes: routes)
        for item in delivery.items { cut.add(item) }
        return cut.parts + cut.open.sorted { $0.key < $1.key }.map(\.value)
    }

    private init(count: Int, routes: RoutesHint?) { (self.count, self.routes) = (count, routes) }

    private mutating func add(_ item: Delivery.Item) {
        guard routes != nil || item.recipients.count > Self.maximumPartitions else {
            return add(item, Set(item.recipients.lazy.map(partition)), to: 0)
        }
        var shares: [Int: (recipients: [UserID], partitions: Set<Int>)] = [:]
        for user in item.recipients {
            let partition = partition(of: user)
            let owner = routes?.owner(of: partition) ?? 0
            shares[owner, default: ([], [])].recipients.append(user)
            shares[owner]?.partitions.insert(partition)
            if let share = shares[owner], share.partitions.count == Self.maximumPartitions {
                add(item.to(share.recipients), share.partitions, to: owner)
                shares[owner] = nil
            }
        }
        for (owner, share) in shares { add(item.to(share.recipients), share.partitions, to: owner) }
    }

    private func partition(of user: UserID) -> Int { Partitioning.partition(of: user, count: count) }

    private mutating func add(_ item: Delivery.Item, _ partitions: Set<Int>, to owner: Int) {
        if partitions.isEmpty { return }
        let bytes = item.estimatedBytes
        if let part = open[owner], !part.hasRoom(bytes, partitions) {
            parts.append(part)
            open[owner] = nil
        }
        open[owner, default: Part()].add(item, partitions, bytes)
    }
}

extension DeliveryParts.Part {
    fileprivate func hasRoom(_ more: Int, _ others: Set<Int>) -> Bool {
        bytes + more <= DeliveryParts.maximumBytes && partitions.count + others.count <= DeliveryParts.maximumPartitions
    }

    fileprivate func forAll(of instances: Int) -> Self {
        var part = self
        part.isForAll =
            partitions.count >= DeliveryParts.partitionsForAll * instances && bytes <= DeliveryParts.bytesForAll / instances
        return part
    }

    fileprivate mutating func add(_ item: Delivery.Item, _ others: Set<Int>, _ more: Int) {
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

    /// An upper bound: an id is at most 20 bytes, the place of a message some 250.
    fileprivate var estimatedBytes: Int { frame.utf8.count + 20 * recipients.count + 400 }
}

/// Which partitions lie together at one instance, as far as is known.
struct RoutesHint: Hashable, Sendable {
    let epoch: Int64
    /// Of partitions.
    let count: Int
    let instances: Int
    /// 1, 2, 3, … by instance; 0 for partitions of nobody.
    private let owners: [Int]

    init(_ routes: Routes) {
        (epoch, count, instances) = (routes.epoch, routes.partitionCount, routes.instances.count)
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
