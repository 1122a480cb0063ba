import Contracts
import Reactor
import ServiceKit

/// Runs what keeps a processor busy for long, a password's hash, on a few threads of its own, so that nothing else waits for it.
struct HashingPool: Sendable {
    /// How long one waits for a turn at most.
    static let patience = Duration.seconds(5)

    /// As many at one time as there are threads, each with its memory; a few wait, first come, first served; the rest are refused.
    let admission: Admission

    init(admission: Admission) { self.admission = admission }

    /// - Parameter threads: at least 1.
    init(threads: Int, queueLimit: Int, patience: Duration = patience) {
        self.init(admission: Admission("passwords", limit: threads, queue: queueLimit, wait: patience))
    }

    /// How many run and how many wait.
    var load: (running: Int, waiting: Int) { admission.load }

    /// Waits for a turn, then runs `work` on a thread of its own.
    ///
    /// - Throws: `unavailable`, at once when the queue is full and later when the turn does not come; `CancellationError` when the task is cancelled while it
    ///   waits (what has begun is finished, for it cannot be stopped); what `work` throws.
    func run<Answer: Sendable>(_ work: @escaping @Sendable () throws -> Answer) async throws -> Answer {
        do {
            return try await admission.run { try await Blocking.run(work) }
        } catch is AdmissionRefused {
            throw ServiceError(.unavailable, "too many passwords are being checked", retryAfterMilliseconds: 1_000)
        }
    }
}
