import Contracts
import Reactor
import ServiceKit

/// Runs password hashes on a few threads of their own, so that no other work waits for them.
struct HashingPool: Sendable {
    /// The longest wait for a thread.
    static let patience = Duration.seconds(5)

    /// Admits as many hashes as there are threads, each with its memory. A few wait in order; the others are
    /// refused.
    let admission: Admission

    init(admission: Admission) { self.admission = admission }

    /// - Parameter threads: at least 1.
    init(threads: Int, queueLimit: Int, patience: Duration = patience) {
        self.init(admission: Admission("passwords", limit: threads, queue: queueLimit, wait: patience))
    }

    /// The number of running and of waiting hashes.
    var load: (running: Int, waiting: Int) { admission.load }

    /// Waits for a thread, then runs `work` on it.
    ///
    /// - Throws: `unavailable`, at once when the queue is full or after ``patience``; `CancellationError`
    ///   when the task is cancelled while it waits (running work cannot be stopped); what `work` throws.
    func run<Answer: Sendable>(_ work: @escaping @Sendable () throws -> Answer) async throws -> Answer {
        do {
            return try await admission.run { try await Blocking.run(work) }
        } catch is AdmissionRefused {
            throw ServiceError(
                .unavailable, "too many log-ins and registrations at the moment; retry in a moment", retryAfterMilliseconds: 1_000
            )
        }
    }
}
