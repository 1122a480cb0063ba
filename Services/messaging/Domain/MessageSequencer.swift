import Contracts

/// Puts the messages of each chat in order and drops repeats: deliveries arrive at least once, in any order.
///
/// The latest `seq` of a chat is remembered for a minute after its last message, or less while there are very
/// many chats. The first message of a chat that is not remembered is delivered as it comes, unless it is so
/// old that it may have been delivered before: then its recipients are sent `gap`.
struct MessageSequencer<Content: Sendable>: Sendable {
    enum Verdict: Sendable {
        /// Deliver these, in this order.
        case deliver([Content])
        /// A repeat, or held until the messages before it have arrived.
        case nothing
        /// Too late to be delivered in order.
        case sendGap(Content)
    }

    static var memory: Duration { .seconds(60) }
    /// The age from which a message of an unknown chat may have been delivered before.
    static var maximumAge: Duration { .seconds(30) }
    /// How long a message is held for those before it.
    static var patience: Duration { .milliseconds(100) }
    /// Messages held, in all.
    static var capacity: Int { 10_000 }
    /// Chats in each of the two generations that are remembered.
    static var chatsRemembered: Int { 250_000 }

    /// The messages of a chat that were delivered here.
    private struct Delivered {
        var first: Int64
        private(set) var last: Int64
        /// See ``MessageSequencer/epoch``.
        var epoch: Int
        private var recipients: UInt64
        /// The first message of the latest run with the same recipients.
        private var runStart: Int64

        init(_ seq: Int64, recipients: UInt64, epoch: Int) {
            first = seq
            last = seq
            runStart = seq
            self.recipients = recipients
            self.epoch = epoch
        }

        mutating func append(_ seq: Int64, recipients: UInt64) {
            if recipients != self.recipients {
                self.recipients = recipients
                runStart = seq
            }
            last = seq
        }

        /// Includes a message before the first that was not delivered in order.
        mutating func prepend(_ seq: Int64, recipients: UInt64) {
            if recipients == self.recipients, runStart == first { runStart = seq }
            first = seq
        }

        /// Whether these recipients were sent this message.
        func contains(_ seq: Int64, recipients: UInt64) -> Bool { recipients == self.recipients && seq >= runStart }
    }

    private struct Held {
        let content: Content
        let recipients: UInt64
    }

    /// The messages of a chat that are held for an earlier one.
    private struct HeldMessages {
        let since: ContinuousClock.Instant
        var bySeq: [Int64: Held] = [:]
    }

    private var young: [ChatID: Delivered] = [:]
    private var old: [ChatID: Delivered] = [:]
    private var rotatedAt: ContinuousClock.Instant
    /// The time since which nothing was delivered to a chat that is not remembered; `nil` while all chats are
    /// remembered.
    private var remembersSince: ContinuousClock.Instant?
    private var held: [ChatID: HeldMessages] = [:]
    private var heldCount = 0
    /// Incremented whenever deliveries may have been missed, or new members may have connected: per-chat
    /// state of an earlier epoch may be stale.
    private var epoch = 0

    init(now: ContinuousClock.Instant) { rotatedAt = now }

    var isHolding: Bool { !held.isEmpty }

    /// Decides what to do with a message that has arrived.
    ///
    /// - Parameters:
    ///   - recipients: a hash of its recipients. A message may arrive in parts with different recipients.
    ///     Recipients of all parts but the first are sent `gap`, because they may or may not have been sent
    ///     the message already.
    ///   - age: time since it was sent, by this machine's clock.
    mutating func apply(
        _ content: Content, seq: Int64, of chat: ChatID, recipients: UInt64 = 0, age: Duration, now: ContinuousClock.Instant
    ) -> Verdict {
        rotate(now)
        guard var delivered = young[chat] ?? old[chat] else {
            young[chat] = Delivered(seq, recipients: recipients, epoch: epoch)
            return mayBeRepeat(age, now) ? .sendGap(content) : .deliver([content])
        }
        defer { young[chat] = delivered }
        if seq <= delivered.last { return applyEarlier(content, seq: seq, recipients: recipients, &delivered) }
        let message = Held(content: content, recipients: recipients)
        // `seq` is above `last`, so this cannot overflow.
        if seq - 1 > delivered.last {
            if let held = held[chat]?.bySeq[seq] { return held.recipients == recipients ? .nothing : .sendGap(content) }
            if delivered.epoch == epoch { return hold(message, seq: seq, of: chat, now: now) }
            // The messages between were delivered by another instance, if at all. If they still arrive, they
            // are too late.
            let earlier = removeHeld(of: chat, before: seq)
            delivered = Delivered(seq, recipients: recipients, epoch: epoch)
            return .deliver(earlier + [content] + removeReady(of: chat, after: &delivered))
        }
        delivered.epoch = epoch
        delivered.append(seq, recipients: recipients)
        return .deliver([content] + removeReady(of: chat, after: &delivered))
    }

    private func applyEarlier(
        _ content: Content, seq: Int64, recipients: UInt64, _ delivered: inout Delivered
    ) -> Verdict {
        if seq >= delivered.first { return delivered.contains(seq, recipients: recipients) ? .nothing : .sendGap(content) }
        delivered.prepend(seq, recipients: recipients)
        return .sendGap(content)
    }

    /// Removes messages that were held for ``patience``. The messages before them count as lost.
    ///
    /// - Returns: the messages of each chat, in order.
    mutating func expire(now: ContinuousClock.Instant) -> [[Content]] {
        let late = held.filter { now - $0.value.since >= Self.patience }.keys.sorted { $0.rawValue < $1.rawValue }
        return late.map { chat in
            let messages = (held.removeValue(forKey: chat)?.bySeq ?? [:]).sorted { $0.key < $1.key }
            heldCount -= messages.count
            for (index, (seq, message)) in messages.enumerated() {
                if index == 0 { young[chat] = Delivered(seq, recipients: message.recipients, epoch: epoch) }
                young[chat]?.append(seq, recipients: message.recipients)
            }
            return messages.map(\.value.content)
        }
    }

    /// Records a message that no recipient is connected for. Members who connect later do not miss it.
    mutating func skip(_ seq: Int64, of chat: ChatID, recipients: UInt64) {
        guard let delivered = young[chat] ?? old[chat], seq > delivered.last else { return }
        young[chat] = Delivered(seq, recipients: recipients, epoch: epoch)
        heldCount -= held.removeValue(forKey: chat)?.bySeq.count ?? 0
    }

    /// Records that members of chats may connect that were connected to another instance before.
    mutating func recordNewPartitions() { epoch += 1 }

    /// Records that deliveries may have been missed, and drops held messages: all sessions are sent `gap`.
    /// Messages that were delivered are still not delivered again.
    mutating func interrupt() {
        epoch += 1
        held = [:]
        heldCount = 0
    }

    /// Whether a message of an unknown chat may have been delivered, and forgotten.
    private func mayBeRepeat(_ age: Duration, _ now: ContinuousClock.Instant) -> Bool {
        age > Self.maximumAge || remembersSince.map { age > now - $0 } == true
    }

    private mutating func hold(_ message: Held, seq: Int64, of chat: ChatID, now: ContinuousClock.Instant) -> Verdict {
        guard heldCount < Self.capacity else { return .sendGap(message.content) }
        held[chat, default: HeldMessages(since: now)].bySeq[seq] = message
        heldCount += 1
        return .nothing
    }

    /// Removes and returns the held messages before `seq`, in order.
    private mutating func removeHeld(of chat: ChatID, before seq: Int64) -> [Content] {
        guard var messages = held[chat] else { return [] }
        let seqs = messages.bySeq.keys.filter { $0 < seq }.sorted()
        let earlier = seqs.compactMap { messages.bySeq.removeValue(forKey: $0)?.content }
        heldCount -= earlier.count
        held[chat] = messages.bySeq.isEmpty ? nil : messages
        return earlier
    }

    /// Removes and returns the held messages that follow without a gap.
    private mutating func removeReady(of chat: ChatID, after delivered: inout Delivered) -> [Content] {
        guard var messages = held[chat] else { return [] }
        var ready: [Content] = []
        while let next = messages.bySeq.removeValue(forKey: delivered.last &+ 1) {
            delivered.append(delivered.last &+ 1, recipients: next.recipients)
            ready.append(next.content)
        }
        heldCount -= ready.count
        held[chat] = messages.bySeq.isEmpty ? nil : messages
        return ready
    }

    /// Forgets the older generation of chats once a minute, or when the younger one is full.
    private mutating func rotate(_ now: ContinuousClock.Instant) {
        guard now - rotatedAt >= Self.memory || young.count >= Self.chatsRemembered else { return }
        if !old.isEmpty { remembersSince = rotatedAt }
        old = young
        young = [:]
        rotatedAt = now
    }
}
