import Contracts
import Reactor
import Synchronization

/// Runs what keeps a processor busy for long, a password's hash, on a few threads of its own, so that nothing else waits for it.
///
/// At most `threads` at once, each with its memory; at most `queueLimit` wait, first come, first served; the rest are refused.
final class HashingPool: Sendable {
    private typealias Turn = CheckedContinuation<Bool, Never>

    private struct State {
        var running = 0
        var waiting: [(id: UInt64, turn: Turn)] = []
        var lastID: UInt64 = 0
    }

    private enum Entry { case now, later(UInt64), refused }

    private let threads: Int
    private let queueLimit: Int
    private let state = Mutex(State())

    /// - Parameter threads: at least 1.
    init(threads: Int, queueLimit: Int) {
        precondition(threads >= 1 && queueLimit >= 0)
        self.threads = threads
        self.queueLimit = queueLimit
    }

    /// How many run and how many wait.
    var load: (running: Int, waiting: Int) { state.withLock { ($0.running, $0.waiting.count) } }

    /// Waits for a turn, then runs `work` on a thread of its own.
    ///
    /// - Throws: `unavailable` at once when the queue is full; `CancellationError` when the task is cancelled while it waits (what has begun is finished,
    ///   for it cannot be stopped); what `work` throws.
    func run<Answer: Sendable>(_ work: @escaping @Sendable () throws -> Answer) async throws -> Answer {
        try Task.checkCancellation()
        switch state.withLock({ enter(&$0) }) {
        case .now: break
        case .later(let id): guard await turn(id) else { throw CancellationError() }
        case .refused: throw ServiceError(.unavailable, "too many passwords are being checked", retryAfterMilliseconds: 1_000)
        }
        defer { state.withLock { leave(&$0) }?.resume(returning: true) }
        return try await Blocking.run(work)
    }

    private func enter(_ state: inout State) -> Entry {
        if state.running < threads {
            state.running += 1
            return .now
        }
        guard state.waiting.count < queueLimit else { return .refused }
        state.lastID += 1
        return .later(state.lastID)
    }

    /// Hands the place to the one who waits longest, or gives it back.
    private func leave(_ state: inout State) -> Turn? {
        if !state.waiting.isEmpty { return state.waiting.removeFirst().turn }
        state.running -= 1
        return nil
    }

    /// - Returns: false when the task was cancelled first.
    private func turn(_ id: UInt64) async -> Bool {
        await withTaskCancellationHandler {
            await withCheckedContinuation { turn in
                // A place may have become free since we asked, or the task may have been cancelled before it could be found here.
                let answer: Bool? = state.withLock { state in
                    if Task.isCancelled { return false }
                    if state.running < threads {
                        state.running += 1
                        return true
                    }
                    state.waiting.append((id, turn))
                    return nil
                }
                if let answer { turn.resume(returning: answer) }
            }
        } onCancel: {
            let abandoned = state.withLock { state -> Turn? in
                guard let index = state.waiting.firstIndex(where: { $0.id == id }) else { return nil }
                return state.waiting.remove(at: index).turn
            }
            abandoned?.resume(returning: false)
        }
    }
}
