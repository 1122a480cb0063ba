/// Collects the items of one loop turn into messages of 1…32 items per destination, in the order of arrival.
///
/// A full message leaves at once, so that its receiver starts while the rest is still being made.
struct Coalescer<Destination: Hashable, Item> {
    fileprivate struct Message {
        var items: [Item] = []
        var bytes = 0
    }

    private var waiting: [Destination: Message] = [:]
    private let maximumBytes: Int

    /// - Parameter maximumBytes: the limit of a message with several items. A larger item is a message by
    ///   itself.
    init(maximumBytes: Int) { self.maximumBytes = maximumBytes }

    /// - Returns: a message that is now full, with or without this item.
    mutating func add(_ item: Item, bytes: Int, to destination: Destination) -> [Item]? {
        waiting[destination, default: Message()].add(item, bytes: bytes, limit: maximumBytes)
    }

    /// Returns and removes the messages that are not full.
    mutating func drain() -> [(destination: Destination, items: [Item])] {
        defer { waiting.removeAll(keepingCapacity: true) }
        return waiting.compactMap { destination, message in message.items.isEmpty ? nil : (destination, message.items) }
    }
}

extension Coalescer.Message {
    mutating func add(_ item: Item, bytes added: Int, limit: Int) -> [Item]? {
        if !items.isEmpty, bytes + added > limit {
            defer {
                items = [item]
                bytes = added
            }
            return items
        }
        items.append(item)
        bytes += added
        if items.count < EnvelopeHead.maximumCount { return nil }
        defer { self = Self() }
        return items
    }
}
