/// Timers by due time, inserted and cancelled in constant time.
///
/// A hashed wheel of one-millisecond slots. A timer further away than one turn of the wheel stays in its slot
/// and is checked once per turn. Times are milliseconds of a monotonic clock.
struct TimerWheel<Body> {
    /// Identifies one scheduled timer; invalid once it has fired.
    struct Token: Hashable, Sendable {
        fileprivate let node: Int32
        fileprivate let generation: UInt32
    }

    private struct Node {
        var body: Body?
        var due: Int64 = 0
        var generation: UInt32 = 0
        var previous: Int32 = -1
        var next: Int32 = -1
    }

    private static var slotCount: Int { 1_024 }
    private var nodes: [Node] = []
    private var free: [Int32] = []
    private var slots = [Int32](repeating: -1, count: slotCount)
    /// One bit per occupied slot, so that skipping empty slots costs nothing.
    private var occupied = [UInt64](repeating: 0, count: slotCount / 64)
    /// The time up to which due timers have been removed.
    private var current: Int64
    private(set) var count = 0

    init(now: Int64) { current = now }

    /// Adds a timer. A due time in the past is due at the next ``removeDue(at:)``.
    mutating func schedule(at due: Int64, _ body: Body) -> Token {
        let due = max(due, current + 1)
        let index = free.popLast() ?? appendNode()
        nodes[Int(index)].body = body
        nodes[Int(index)].due = due
        link(index, slot: slot(of: due))
        count += 1
        return Token(node: index, generation: nodes[Int(index)].generation)
    }

    /// Removes a timer; has no effect after it has fired or was cancelled.
    mutating func cancel(_ token: Token) {
        guard nodes[Int(token.node)].generation == token.generation, nodes[Int(token.node)].body != nil else { return }
        _ = remove(token.node)
    }

    /// Removes and returns the timers due up to `now`, earliest first.
    mutating func removeDue(at now: Int64) -> [Body] {
        guard now > current else { return [] }
        var due: [(at: Int64, body: Body)] = []
        if count > 0 {
            let span = min(now - current, Int64(Self.slotCount))
            for tick in (now - span + 1)...now where isOccupied(slot(of: tick)) {
                collect(slot(of: tick), upTo: now, into: &due)
            }
        }
        current = now
        due.sort { $0.at < $1.at }
        return due.map(\.body)
    }

    /// The time of the next check: not after the earliest timer, and at most one turn of the wheel ahead.
    /// `nil` without timers.
    func nextCheck() -> Int64? {
        guard count > 0 else { return nil }
        let start = slot(of: current + 1)
        let (word, bit) = (start / 64, start % 64)
        let rest = occupied[word] >> UInt64(bit)
        if rest != 0 { return current + 1 + Int64(rest.trailingZeroBitCount) }
        // Word by word; the last step revisits the first word for the slots before `start`.
        for step in 1...occupied.count {
            let bits = occupied[(word + step) % occupied.count]
            if bits != 0 { return current + 1 + Int64(64 * step - bit + bits.trailingZeroBitCount) }
        }
        return current + Int64(Self.slotCount)
    }

    private func slot(of time: Int64) -> Int { Int(time & Int64(Self.slotCount - 1)) }
    private func isOccupied(_ slot: Int) -> Bool { occupied[slot / 64] & (1 << UInt64(slot % 64)) != 0 }

    private mutating func appendNode() -> Int32 {
        nodes.append(Node())
        return Int32(nodes.count - 1)
    }

    private mutating func collect(_ slot: Int, upTo now: Int64, into due: inout [(at: Int64, body: Body)]) {
        var index = slots[slot]
        while index >= 0 {
            let next = nodes[Int(index)].next
            let at = nodes[Int(index)].due
            if at <= now, let body = remove(index) { due.append((at, body)) }
            index = next
        }
    }

    private mutating func link(_ index: Int32, slot: Int) {
        let head = slots[slot]
        nodes[Int(index)].previous = -1
        nodes[Int(index)].next = head
        if head >= 0 { nodes[Int(head)].previous = index }
        slots[slot] = index
        occupied[slot / 64] |= 1 << UInt64(slot % 64)
    }

    private mutating func remove(_ index: Int32) -> Body? {
        let node = nodes[Int(index)]
        let slot = slot(of: node.due)
        if node.previous >= 0 { nodes[Int(node.previous)].next = node.next } else { slots[slot] = node.next }
        if node.next >= 0 { nodes[Int(node.next)].previous = node.previous }
        if slots[slot] < 0 { occupied[slot / 64] &= ~(1 << UInt64(slot % 64)) }
        nodes[Int(index)].body = nil
        nodes[Int(index)].generation &+= 1
        free.append(index)
        count -= 1
        return node.body
    }
}
