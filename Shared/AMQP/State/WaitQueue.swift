import DequeModule

/// A queue of messages that wait for room, oldest first. Removing one from the middle does not scan the
/// queue.
struct WaitQueue<Element> {
    private struct Slot {
        let id: UInt64
        var element: Element?
    }

    /// Ascending by id.
    private var slots: Deque<Slot> = []
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }
    /// The number of slots in memory, for tests.
    var storedCount: Int { slots.count }

    /// - Parameter id: greater than all earlier ones.
    mutating func append(_ element: Element, id: UInt64) {
        slots.append(Slot(id: id, element: element))
        count += 1
    }

    var first: Element? {
        mutating get {
            dropEmpty()
            return slots.first?.element
        }
    }

    mutating func popFirst() -> (id: UInt64, element: Element)? {
        dropEmpty()
        guard let slot = slots.popFirst(), let element = slot.element else { return nil }
        count -= 1
        return (slot.id, element)
    }

    mutating func remove(id: UInt64) {
        guard let index = index(of: id), slots[index].element != nil else { return }
        slots[index].element = nil
        count -= 1
        if slots.count > 2 * count + 16 { slots.removeAll { $0.element == nil } }
    }

    private mutating func dropEmpty() {
        while let slot = slots.first, slot.element == nil { slots.removeFirst() }
    }

    private func index(of id: UInt64) -> Int? {
        var (low, high) = (0, slots.count)
        while low < high {
            let middle = (low + high) / 2
            if slots[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low < slots.count && slots[low].id == id ? low : nil
    }
}
