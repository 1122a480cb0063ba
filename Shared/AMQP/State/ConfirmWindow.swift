import DequeModule

/// The unconfirmed messages of a channel in confirm mode, in the order of publishing.
///
/// The first message on a channel has number 1. A confirm names one number, or all up to one.
struct ConfirmWindow<Waiter> {
    private struct PublishedMessage {
        var waiter: Waiter?
        var settled = false
    }

    let capacity: Int
    private var messages: Deque<PublishedMessage> = []
    /// The number of `messages.first`.
    private var first: UInt64 = 1

    init(capacity: Int) { self.capacity = capacity }

    var isEmpty: Bool { messages.isEmpty }
    /// Counts from the oldest unconfirmed message, so that memory is bounded even if that one is never
    /// answered.
    var isFull: Bool { messages.count >= capacity }
    /// The number of messages that fit now.
    var room: Int { max(0, capacity - messages.count) }
    /// The number of the next message.
    var next: UInt64 { first + UInt64(messages.count) }

    mutating func append(_ waiter: Waiter?) { messages.append(PublishedMessage(waiter: waiter)) }

    /// Removes the waiter of a returned message. The message stays until its confirm.
    mutating func removeReturnedWaiter(_ number: UInt64) -> Waiter? {
        guard let index = index(of: number) else { return nil }
        defer { messages[index].waiter = nil }
        return messages[index].waiter
    }

    /// Settles one message. Returns its waiter; `nil` when there is none.
    mutating func settle(_ number: UInt64) -> Waiter? {
        guard let index = index(of: number) else { return nil }
        let waiter = messages[index].waiter
        messages[index] = PublishedMessage(waiter: nil, settled: true)
        dropSettled()
        return waiter
    }

    /// The last message of an answer for all up to `number`; 0 means all messages so far.
    func lastAnswered(by number: UInt64) -> UInt64 { number == 0 ? next - 1 : number }

    /// Removes the oldest message up to `number`. Call it until it returns `nil`.
    mutating func popOldest(upTo number: UInt64) -> Settled? {
        guard first <= number, let oldest = messages.popFirst() else { return nil }
        first += 1
        // Messages behind it that were settled individually must not count as unconfirmed.
        dropSettled()
        return Settled(waiter: oldest.waiter)
    }

    struct Settled { let waiter: Waiter? }

    private func index(of number: UInt64) -> Int? {
        guard number >= first, number - first < UInt64(messages.count) else { return nil }
        let index = Int(number - first)
        return messages[index].settled ? nil : index
    }

    private mutating func dropSettled() {
        while let oldest = messages.first, oldest.settled {
            messages.removeFirst()
            first += 1
        }
    }
}
