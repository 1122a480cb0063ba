/// Looks after a client that says nothing: asked after one heartbeat without a word, given up after the second one without an answer.
struct KeepAlive: Sendable {
    enum Verdict: Equatable {
        case fine, ask, gone
    }

    private var wasHeard = true
    private var silentBeats = 0
    private var unfinishedBeats = 0

    mutating func heard() { wasHeard = true }

    /// - Parameter isUnderWay: a message has begun and is not whole; one that takes more than two heartbeats never will be.
    mutating func beat(isUnderWay: Bool) -> Verdict {
        unfinishedBeats = isUnderWay ? unfinishedBeats + 1 : 0
        silentBeats = wasHeard ? 0 : silentBeats + 1
        wasHeard = false
        if silentBeats >= 2 || unfinishedBeats > 2 { return .gone }
        return .ask
    }
}
