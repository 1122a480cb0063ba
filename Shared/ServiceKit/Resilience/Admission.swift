import Synchronization

/// Bounds the concurrency of one kind of work. Work beyond the bound waits in a bounded queue, or is refused
/// at once.
///
/// Safe from any thread.
package final class Admission: Sendable {
    private enum Outcome { case admitted, full, late, cancelled }

    private struct Waiter {
        let continuation: CheckedContinuation<Outcome, Never>
        let timer: Task<Void, Never>
    }

    private struct State {
        var admission: AdmissionState
        var waiters: [AdmissionState.Ticket: Waiter] = [:]
        var nextTicket: AdmissionState.Ticket = 0
        var refused = 0
        var late = 0
    }

    package let name: String
    private let state: Mutex<State>
    private let wait: Duration
    private let clock: any Clock<Duration>

    /// - Parameters:
    ///   - limit: the maximum that runs at once, at least 1.
    ///   - queue: the maximum that waits, at least 0.
    ///   - wait: the longest wait.
    package init(_ name: String, limit: Int, queue: Int, wait: Duration, clock: any Clock<Duration> = ContinuousClock()) {
        self.name = name
        self.wait = wait
        self.clock = clock
        state = Mutex(State(admission: AdmissionState(limit: limit, queueLimit: queue)))
    }

    /// Runs `body` once it is admitted.
    ///
    /// - Parameter limit: a shorter limit of the wait, such as the rest of the caller's deadline.
    /// - Throws: ``AdmissionRefused`` or `CancellationError` before `body` has started; an error of `body`.
    package func run<Result>(within limit: Duration? = nil, _ body: () async throws -> Result) async throws -> Result {
        // The fast path: usually a slot is free, and nothing is allocated.
        if !state.withLock({ $0.admission.tryAdmit() }) { try await waitForSlot(atMost: min(wait, limit ?? wait)) }
        defer { release() }
        return try await body()
    }

    private func waitForSlot(atMost limit: Duration) async throws {
        switch await enqueue(atMost: limit) {
        case .admitted: return
        case .full: throw AdmissionRefused(reason: .full)
        case .late: throw AdmissionRefused(reason: .late)
        case .cancelled: throw CancellationError()
        }
    }

    /// The numbers of running and of waiting calls.
    package var load: (running: Int, waiting: Int) { state.withLock { ($0.admission.running, $0.admission.queue.count) } }

    func metrics() -> [CollectedMetric] {
        let (load, refused, late) = state.withLock { (($0.admission.running, $0.admission.queue.count), $0.refused, $0.late) }
        let labels = [("gate", name)]
        return [
            CollectedMetric(
                "martlet_admission_running", .gauge, help: "Work that runs now.", value: Double(load.0), labels: labels),
            CollectedMetric(
                "martlet_admission_waiting", .gauge, help: "Work that waits now.", value: Double(load.1), labels: labels),
            CollectedMetric(
                "martlet_admission_refused", .counter, help: "Work refused because the queue was full or the wait too long.",
                samples: [(labels + [("reason", "full")], Double(refused)), (labels + [("reason", "late")], Double(late))]),
        ]
    }

    private func enqueue(atMost limit: Duration) async -> Outcome {
        let ticket = state.withLock { state in
            state.nextTicket += 1
            return state.nextTicket
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if let outcome = request(ticket, atMost: limit, continuation) { continuation.resume(returning: outcome) }
            }
        } onCancel: {
            withdraw(ticket, outcome: .cancelled)
        }
    }

    /// Returns the outcome of a request; `nil` when it waits.
    private func request(
        _ ticket: AdmissionState.Ticket, atMost limit: Duration, _ continuation: CheckedContinuation<Outcome, Never>
    ) -> Outcome? {
        state.withLock { state in
            // A later cancellation finds the waiter; an earlier one is seen here.
            if Task.isCancelled { return .cancelled }
            switch state.admission.request(ticket) {
            case .admitted: return .admitted
            case .refused:
                state.refused += 1
                return .full
            case .queued:
                let timer = Task { [weak self, clock] in
                    try? await clock.sleep(for: limit)
                    self?.withdraw(ticket, outcome: .late)
                }
                state.waiters[ticket] = Waiter(continuation: continuation, timer: timer)
                return nil
            }
        }
    }

    private func release() {
        let next = state.withLock { state in state.admission.release().flatMap { state.waiters.removeValue(forKey: $0) } }
        next?.timer.cancel()
        next?.continuation.resume(returning: .admitted)
    }

    private func withdraw(_ ticket: AdmissionState.Ticket, outcome: Outcome) {
        let waiter: Waiter? = state.withLock { state in
            guard state.admission.withdraw(ticket) else { return nil }
            if outcome == .late { state.late += 1 }
            return state.waiters.removeValue(forKey: ticket)
        }
        waiter?.timer.cancel()
        waiter?.continuation.resume(returning: outcome)
    }
}

/// The work was not admitted and has not started. Retry a little later.
package struct AdmissionRefused: Error, Equatable {
    package enum Reason: String, Sendable {
        /// The queue is full.
        case full
        /// The wait exceeded its limit.
        case late
    }

    package let reason: Reason
}

extension ServiceContext {
    /// Creates an admission whose load `/metrics` shows under `name`, which must be unique.
    ///
    /// - Parameters: as for ``Admission``.
    package func admission(_ name: String, limit: Int, queue: Int, wait: Duration) -> Admission {
        let admission = Admission(name, limit: limit, queue: queue, wait: wait)
        metrics.onCollect { admission.metrics() }
        return admission
    }
}
