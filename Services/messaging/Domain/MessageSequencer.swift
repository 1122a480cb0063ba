import Contracts

/// Brings messages into the order of their chats, each once: they come at least once, and from several senders in any order.
///
/// What a chat's members here were shown last is remembered for a minute after its last message, or for less when there are very many chats. A message of
/// a chat that is not remembered is the next one, unless it is so old that it may have been shown already: then its members are told that they may have missed
/// something.
struct MessageSequencer<Content: Sendable>: Sendable {
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
        private(set) var last: Int64
        /// Of ``MessageSequencer/period``.
        var period: Int
        private var share: UInt64
        /// The first of those that were all for the same `share`.
        private var sharedSince: Int64

        init(_ seq: Int64, for share: UInt64, period: Int) {
            (first, last, sharedSince) = (seq, seq, seq)
            (self.share, self.period) = (share, period)
        }

        mutating func advance(to seq: Int64, for share: UInt64) {
            if share != self.share { (self.share, sharedSince) = (share, seq) }
            last = seq
        }

        /// Takes in what comes after later ones.
        mutating func reachBack(to seq: Int64, for share: UInt64) {
            if share == self.share, sharedSince == first { sharedSince = seq }
            first = seq
        }

        /// Whether this very one was shown.
        func isRepeat(_ seq: Int64, for share: UInt64) -> Bool { share == self.share && seq >= sharedSince }
    }

    private struct Waiting {
        let content: Content
        let share: UInt64
    }

    private struct Held {
        let since: ContinuousClock.Instant
        var messages: [Int64: Waiting] = [:]
    }

    private var young: [ChatID: Shown] = [:]
    private var old: [ChatID: Shown] = [:]
    private var turnedAt: ContinuousClock.Instant
    /// Chats that are not remembered were shown nothing since then; `nil` before anything was forgotten.
    private var remembersSince: ContinuousClock.Instant?
    private var held: [ChatID: Held] = [:]
    private var heldCount = 0
    /// Grows when messages may have gone by: what is known of chats may end earlier than what their members have or were told that they missed.
    private var period = 0

    init(now: ContinuousClock.Instant) { turnedAt = now }

    var isHolding: Bool { !held.isEmpty }

    /// - Parameters:
    ///   - share: for whom it is: the same for the same recipients. A message may come in parts with other recipients each; of those all but the first are
    ///     taken for something missed, since whoever they are for may have been shown the message already, or not.
    ///   - age: since it was sent, as far as clocks agree.
    mutating func take(
        _ content: Content, seq: Int64, of chat: ChatID, for share: UInt64 = 0, age: Duration, now: ContinuousClock.Instant
    ) -> Verdict {
        turn(now)
        guard var shown = young[chat] ?? old[chat] else {
            young[chat] = Shown(seq, for: share, period: period)
            return isTooOld(age, now) ? .tellGap(content) : .show([content])
        }
        defer { young[chat] = shown }
        if seq <= shown.last {
            if seq >= shown.first { return shown.isRepeat(seq, for: share) ? .nothing : .tellGap(content) }
            shown.reachBack(to: seq, for: share)
            return .tellGap(content)
        }
        if seq > shown.last + 1 {
            if let held = held[chat]?.messages[seq] { return held.share == share ? .nothing : .tellGap(content) }
            if shown.period == period { return hold(Waiting(content: content, share: share), seq, chat, now) }
            // What lies between was shown elsewhere, if it was: should it still come, it is too late.
            let earlier = letGo(chat, before: seq)
            shown = Shown(seq, for: share, period: period)
            return .show(earlier + [content] + released(chat, &shown))
        }
        shown.period = period
        shown.advance(to: seq, for: share)
        return .show([content] + released(chat, &shown))
    }

    /// What has waited long enough: those before it are taken for lost.
    ///
    /// - Returns: by chat, in order.
    mutating func giveUp(now: ContinuousClock.Instant) -> [[Content]] {
        let late = held.filter { now - $0.value.since >= Self.patience }.keys
        return late.map { chat in
            let waiting = (held.removeValue(forKey: chat)?.messages ?? [:]).sorted { $0.key < $1.key }
            heldCount -= waiting.count
            for (index, (seq, message)) in waiting.enumerated() {
                if index == 0 { young[chat] = Shown(seq, for: message.share, period: period) }
                young[chat]?.advance(to: seq, for: message.share)
            }
            return waiting.map(\.value.content)
        }
    }

    /// Nobody of the chat is here, and this message is shown to nobody: whoever comes later does not miss it.
    mutating func pass(_ seq: Int64, of chat: ChatID, for share: UInt64) {
        guard let shown = young[chat] ?? old[chat], seq > shown.last else { return }
        young[chat] = Shown(seq, for: share, period: period)
        heldCount -= held.removeValue(forKey: chat)?.messages.count ?? 0
    }

    /// Members of chats may come who were elsewhere before.
    mutating func partitionsCame() { period += 1 }

    /// Messages may have gone by, and everybody is told so: those that are held are no use any more. What was shown is still not shown again.
    mutating func interrupt() {
        period += 1
        (held, heldCount) = ([:], 0)
    }

    /// Whether it may have been shown already, and forgotten.
    private func isTooOld(_ age: Duration, _ now: ContinuousClock.Instant) -> Bool {
        age > Self.tooOld || remembersSince.map { age > now - $0 } == true
    }

    private mutating func hold(
        _ message: Waiting, _ seq: Int64, _ chat: ChatID, _ now: ContinuousClock.Instant
    ) -> Verdict {
        guard heldCount < Self.capacity else { return .tellGap(message.content) }
        held[chat, default: Held(since: now)].messages[seq] = message
        heldCount += 1
        return .nothing
    }

    /// Those that are held and come before `seq`, in order.
    private mutating func letGo(_ chat: ChatID, before seq: Int64) -> [Content] {
        guard var waiting = held[chat] else { return [] }
        let seqs = waiting.messages.keys.filter { $0 < seq }.sorted()
        let earlier = seqs.compactMap { waiting.messages.removeValue(forKey: $0)?.content }
        heldCount -= earlier.count
        held[chat] = waiting.messages.isEmpty ? nil : waiting
        return earlier
    }

    private mutating func released(_ chat: ChatID, _ shown: inout Shown) -> [Content] {
        guard var waiting = held[chat] else { return [] }
        var ready: [Content] = []
        while let next = waiting.messages.removeValue(forKey: shown.last + 1) {
            shown.advance(to: shown.last + 1, for: next.share)
            ready.append(next.content)
        }
        heldCount -= ready.count
        held[chat] = waiting.messages.isEmpty ? nil : waiting
        return ready
    }

    private mutating func turn(_ now: ContinuousClock.Instant) {
        guard now - turnedAt >= Self.memory || young.count >= Self.chatsRemembered else { return }
        if !old.isEmpty { remembersSince = turnedAt }
        (old, young, turnedAt) = (young, [:], now)
    }
}
