import Contracts

/// Brings messages into the order of their chats, each once: they come at least once, and from several senders in any order.
///
/// What a chat's members here were shown last is remembered for a minute after its last message. A message of a chat that is not remembered is the next one,
/// unless it is older than half of that: then it may have been shown already, and its members are told that they may have missed something.
struct ChatOrder<Content: Sendable>: Sendable {
    enum Verdict: Sendable {
        /// In this order.
        case show([Content])
        /// Shown already, or kept until what is missing before it has come.
        case nothing
        /// Too late to be shown in its place.
        case tellGap(Content)
    }

    static var memory: Duration { .seconds(60) }
    static var tooOld: Duration { .seconds(30) }
    /// How long a message waits for those before it.
    static var patience: Duration { .milliseconds(100) }
    /// Messages that wait, in all.
    static var capacity: Int { 10_000 }
    /// Chats remembered in each half of the memory.
    static var chatsRemembered: Int { 250_000 }

    private struct Shown {
        var first: Int64
        var last: Int64
        /// Of ``ChatOrder/period``.
        var period: Int
    }

    private struct Held {
        let since: ContinuousClock.Instant
        var messages: [Int64: Content] = [:]
    }

    private var young: [ChatID: Shown] = [:]
    private var old: [ChatID: Shown] = [:]
    private var turnedAt: ContinuousClock.Instant
    private var held: [ChatID: Held] = [:]
    private var heldCount = 0
    /// Grows when partitions come: of chats whose members were all elsewhere meanwhile, what is known ends earlier than what they were shown.
    private var period = 0

    init(now: ContinuousClock.Instant) { turnedAt = now }

    var isHolding: Bool { !held.isEmpty }

    /// - Parameter age: since it was sent, as far as clocks agree.
    mutating func take(
        _ content: Content, seq: Int64, of chat: ChatID, age: Duration, now: ContinuousClock.Instant
    ) -> Verdict {
        turn(now)
        guard var shown = young[chat] ?? old[chat] else {
            young[chat] = Shown(first: seq, last: seq, period: period)
            return age > Self.tooOld ? .tellGap(content) : .show([content])
        }
        defer { young[chat] = shown }
        if seq <= shown.last {
            if seq >= shown.first { return .nothing }
            shown.first = seq
            return .tellGap(content)
        }
        if shown.period < period {
            // What lies between was shown elsewhere, if it was: should it still come, it is too late.
            if seq > shown.last + 1 { shown.first = seq }
            (shown.last, shown.period) = (seq, period)
            return .show([content])
        }
        if seq == shown.last + 1 {
            shown.last = seq
            return .show([content] + released(chat, &shown))
        }
        return hold(content, seq, chat, now)
    }

    /// What has waited long enough: those before it are taken for lost.
    ///
    /// - Returns: by chat, in order.
    mutating func giveUp(now: ContinuousClock.Instant) -> [[Content]] {
        let late = held.filter { now - $0.value.since >= Self.patience }
        return late.map { chat, waiting in
            let seqs = waiting.messages.keys.sorted()
            held[chat] = nil
            heldCount -= seqs.count
            if let last = seqs.last { young[chat] = Shown(first: seqs[0], last: last, period: period) }
            return seqs.compactMap { waiting.messages[$0] }
        }
    }

    /// Members of chats may come who were elsewhere before.
    mutating func partitionsCame() { period += 1 }

    /// Nothing that was known counts any more.
    mutating func reset() { (young, old, held, heldCount) = ([:], [:], [:], 0) }

    private mutating func hold(_ content: Content, _ seq: Int64, _ chat: ChatID, _ now: ContinuousClock.Instant) -> Verdict {
        guard heldCount < Self.capacity else { return .tellGap(content) }
        if held[chat, default: Held(since: now)].messages.updateValue(content, forKey: seq) == nil { heldCount += 1 }
        return .nothing
    }

    private mutating func released(_ chat: ChatID, _ shown: inout Shown) -> [Content] {
        guard var waiting = held[chat] else { return [] }
        var ready: [Content] = []
        while let next = waiting.messages.removeValue(forKey: shown.last + 1) {
            shown.last += 1
            ready.append(next)
        }
        heldCount -= ready.count
        held[chat] = waiting.messages.isEmpty ? nil : waiting
        return ready
    }

    private mutating func turn(_ now: ContinuousClock.Instant) {
        guard now - turnedAt >= Self.memory || young.count >= Self.chatsRemembered else { return }
        (old, young, turnedAt) = (young, [:], now)
    }
}
