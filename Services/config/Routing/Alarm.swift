import Synchronization

/// Tells the leader, wherever it is, that heartbeats are refused here: before their senders hear of it, and at most twenty times a second.
final class Alarm: Sendable {
    /// Much less than the leader waits longer than members may go on.
    private static let pause = Duration.milliseconds(50)

    private let tell: @Sendable () async throws -> Void
    private let told = Mutex<ContinuousClock.Instant?>(nil)

    init(tell: @escaping @Sendable () async throws -> Void) { self.tell = tell }

    /// - Returns: whether it was told.
    func raise() async -> Bool {
        let now = ContinuousClock.now
        if let last = told.withLock(\.self), last.duration(to: now) < Self.pause { return true }
        do { try await tell() } catch { return false }
        told.withLock { $0 = now }
        return true
    }
}
