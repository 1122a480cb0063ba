/// Collects what goes to the same place during one turn, and cuts it into messages.
struct Coalescer<Destination: Hashable, Item> {
    private var waiting: [Destination: [(item: Item, bytes: Int)]] = [:]
    private let maximumBytes: Int

    /// - Parameter maximumBytes: of one message with several items; an item larger than this is a message by itself.
    init(maximumBytes: Int) { self.maximumBytes = maximumBytes }

    mutating func add(_ item: Item, bytes: Int, to destination: Destination) {
        waiting[destination, default: []].append((item, bytes))
    }

    /// Everything collected, as messages of 1…32 items in the order in which they came.
    mutating func takeMessages() -> [(destination: Destination, items: [Item])] {
        defer { waiting.removeAll(keepingCapacity: true) }
        return waiting.flatMap { destination, items in cut(items).map { (destination, $0) } }
    }

    private func cut(_ items: [(item: Item, bytes: Int)]) -> [[Item]] {
        var messages: [[Item]] = []
        var message: [Item] = []
        var bytes = 0
        for (item, size) in items {
            if !message.isEmpty, message.count == EnvelopeHead.maximumCount || bytes + size > maximumBytes {
                messages.append(message)
                (message, bytes) = ([], 0)
            }
            message.append(item)
            bytes += size
        }
        if !message.isEmpty { messages.append(message) }
        return messages
    }
}
