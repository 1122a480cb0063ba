import DequeModule

/// The messages of a confirming channel that the broker has not answered, in the order in which they were published.
///
/// The first message on a channel has number 1; answers name a number, or all up to one.
struct ConfirmWindow<Waiter> {
    private struct Entry {
        var waiter: Waiter?
        var settled = false
    }

    let capacity: Int
    private var entries: Deque<Entry> = []
    /// The number of `entries.first`.
    private var first: UInt64 = 1

    init(capacity: Int) { self.capacity = capacity }

    var isEmpty: Bool { entries.isEmpty }
    /// Counts from the oldest unanswered message, so that what is kept is bounded even when that one is never answered.
    var isFull: Bool { entries.count >= capacity }
    /// How many more fit now.
    var room: Int { max(0, capacity - entries.count) }
    /// The number of the message published next.
    var next: UInt64 { first + UInt64(entries.count) }

    mutating func append(_ waiter: Waiter?) { entries.append(Entry(waiter: waiter)) }

    /// The broker returned this message; its answer is still to come, but the waiter knows enough.
    mutating func takeReturned(_ number: UInt64) -> Waiter? {
        guard let index = index(of: number) else { return nil }
        defer { entries[index].waiter = nil }
        return entries[index].waiter
    }

    /// The broker answered one message. `nil` when nobody waits for it.
    mutating func settle(_ number: UInt64) -> Waiter? {
        guard let index = index(of: number) else { return nil }
        let waiter = entries[index].waiter
        entries[index] = Entry(waiter: nil, settled: true)
        dropSettled()
        return waiter
    }

    /// The last message of an answer for all up to `number`; 0 stands for all there are now.
    func lastAnswered(by number: UInt64) -> UInt64 { number == 0 ? next - 1 : number }

    /// Takes out the oldest message up to `number`. Call until `nil`.
    mutating func popOldest(upTo number: UInt64) -> Settled? {
        guard first <= number, let oldest = entries.popFirst() else { return nil }
        first += 1
        // What was answered by itself behind it must not count as unanswered until the next answer.
        dropSettled()
        return Settled(waiter: oldest.waiter)
    }

    struct Settled { let waiter: Waiter? }

    private func index(of number: UInt64) -> Int? {
        guard number >= first, number - first < UInt64(entries.count) else { return nil }
        let index = Int(number - first)
        return entries[index].settled ? nil : index
    }

    private mutating func dropSettled() {
        while let oldest = entries.first, oldest.settled {
            entries.removeFirst()
            first += 1
        }
    }
}
