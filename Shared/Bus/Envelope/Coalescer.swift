/// Collects what goes to the same place during one turn, as messages of 1…32 items in the order in which they came.
///
/// A message that is full leaves at once, so that whoever receives it begins while the rest is still being made.
struct Coalescer<Destination: Hashable, Item> {
    fileprivate struct Message {
        var items: [Item] = []
        var bytes = 0
    }

    private var waiting: [Destination: Message] = [:]
    private let maximumBytes: Int

    /// - Parameter maximumBytes: of one message with several items; an item larger than this is a message by itself.
    init(maximumBytes: Int) { self.maximumBytes = maximumBytes }

    /// - Returns: a message that is full now, with or without this item.
    mutating func add(_ item: Item, bytes: Int, to destination: Destination) -> [Item]? {
        waiting[destination, default: Message()].add(item, bytes: bytes, maximumBytes)
    }

    /// What has been collected and is not full.
    mutating func takeRest() -> [(destination: Destination, items: [Item])] {
        defer { waiting.removeAll(keepingCapacity: true) }
        return waiting.compactMap { destination, message in message.items.isEmpty ? nil : (destination, message.items) }
    }
}

extension Coalescer.Message {
    mutating func add(_ item: Item, bytes added: Int, _ maximumBytes: Int) -> [Item]? {
        if !items.isEmpty, bytes + added > maximumBytes {
            defer { (items, bytes) = ([item], added) }
            return items
        }
        items.append(item)
        bytes += added
        if items.count < EnvelopeHead.maximumCount { return nil }
        defer { self = Self() }
        return items
    }
}
