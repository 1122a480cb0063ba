import Contracts

/// Cuts a delivery into messages: bounded in bytes and in partitions, and a large one by the instances that are known to have the partitions.
struct DeliveryParts {
    /// What one message tells of.
    struct Part: Hashable, Sendable {
        fileprivate(set) var items: [Delivery.Item] = []
        /// Those of all recipients.
        fileprivate(set) var partitions: Set<Int> = []
        fileprivate var bytes = 0
    }

    /// Of a body, about; an item that is larger is a message by itself.
    static let maximumBytes = 256 << 10
    /// Their names, in a header, must fit into one frame.
    static let maximumPartitions = 4_096

    /// Smaller ones are one message for all instances: to publish another one costs the broker, which all share, more than it costs an instance to pass
    /// over what is not for it.
    static let dividedFrom = 16 << 10

    private let count: Int
    private let routes: RoutesHint?
    private var open: [Int: Part] = [:]
    private var parts: [Part] = []

    /// - Parameters:
    ///   - partitionCount: of the deployment.
    ///   - routes: a hint; whatever it says, everything is in some part once for each recipient.
    /// - Returns: for each recipient in the order of the items. Items without recipients are left out.
    static func of(_ delivery: Delivery, partitionCount: Int, routes: RoutesHint? = nil) -> [Part] {
        let isHint = routes?.count == partitionCount && delivery.items.reduce(0) { $0 + $1.estimatedBytes } >= dividedFrom
        var cut = DeliveryParts(count: partitionCount, routes: isHint ? routes : nil)
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
    /// 1, 2, 3, … by instance; 0 for partitions of nobody.
    private let owners: [Int]

    init(_ routes: Routes) {
        (epoch, count) = (routes.epoch, routes.partitionCount)
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
