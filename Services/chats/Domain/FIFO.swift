/// A first-in, first-out queue in one array. Appending and removing the first element take amortised constant
/// time and allocate only while the queue grows.
struct FIFO<Element> {
    /// Removed elements leave `nil` before `head`.
    private var slots: [Element?] = []
    private var head = 0

    var count: Int { slots.count - head }
    var isEmpty: Bool { count == 0 }
    var first: Element? { head < slots.count ? slots[head] : nil }

    mutating func append(_ element: Element) { slots.append(element) }

    /// Removes the first element. Does nothing when the queue is empty.
    mutating func removeFirst() {
        guard head < slots.count else { return }
        slots[head] = nil
        head += 1
        if head == slots.count {
            slots.removeAll(keepingCapacity: true)
            head = 0
        } else if head >= 64, 2 * head >= slots.count {
            slots.removeFirst(head)
            head = 0
        }
    }

    /// Removes the matching elements and returns them in order.
    mutating func removeAll(where isMatch: (Element) -> Bool) -> [Element] {
        var removed: [Element] = []
        slots[head...].removeAll { slot in
            guard let element = slot, isMatch(element) else { return false }
            removed.append(element)
            return true
        }
        if isEmpty {
            slots.removeAll(keepingCapacity: true)
            head = 0
        }
        return removed
    }
}
