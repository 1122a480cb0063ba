import Synchronization

/// Bounds how much of one kind of work goes on at once: what is beyond waits a little, in a bounded queue, or is refused at once. Safe from any thread.
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
    ///   - limit: at work at once, at least 1.
    ///   - queue: waiting at once, at least 0.
    ///   - wait: how long one waits at most.
    package init(_ name: String, limit: Int, queue: Int, wait: Duration, clock: any Clock<Duration> = ContinuousClock()) {
        (self.name, self.wait, self.clock) = (name, wait, clock)
        state = Mutex(State(admission: AdmissionState(limit: limit, queueLimit: queue)))
    }

    /// Does `body` when its turn comes.
    ///
    /// - Parameter limit: waits no longer than this either: what is left of the caller's deadline.
    /// - Throws: ``AdmissionRefused`` or `CancellationError` without having begun `body`; whatever `body` throws.
    package func run<Result>(within limit: Duration? = nil, _ body: () async throws -> Result) async throws -> Result {
        // Nearly always there is room, and then nothing need be set up for waiting.
        if !state.withLock({ $0.admission.enter() }) { try await queue(min(wait, limit ?? wait)) }
        defer { leave() }
        return try await body()
    }

    private func queue(_ patience: Duration) async throws {
        switch await enter(patience) {
        case .admitted: return
        case .full: throw AdmissionRefused(reason: .full)
        case .late: throw AdmissionRefused(reason: .late)
        case .cancelled: throw CancellationError()
        }
    }

    /// At work and waiting at this moment.
    package var load: (running: Int, waiting: Int) { state.withLock { ($0.admission.running, $0.admission.queue.count) } }

    func metrics() -> [CollectedMetric] {
        let (load, refused, late) = state.withLock { (($0.admission.running, $0.admission.queue.count), $0.refused, $0.late) }
        let labels = [("gate", name)]
        return [
            CollectedMetric("martlet_admission_running", .gauge, "At work.", Double(load.0), labels: labels),
            CollectedMetric("martlet_admission_waiting", .gauge, "Waiting.", Double(load.1), labels: labels),
            CollectedMetric(
                "martlet_admission_refused", .counter, "Refused: full, or waited for too long.",
                [(labels + [("reason", "full")], Double(refused)), (labels + [("reason", "late")], Double(late))]),
        ]
    }

    private func enter(_ patience: Duration) async -> Outcome {
        let ticket = state.withLock { state in
            state.nextTicket += 1
            return state.nextTicket
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if let outcome = arrive(ticket, patience, continuation) { continuation.resume(returning: outcome) }
            }
        } onCancel: {
            giveUp(ticket, .cancelled)
        }
    }

    /// What becomes of an arrival; `nil` when it waits.
    private func arrive(
        _ ticket: AdmissionState.Ticket, _ patience: Duration, _ continuation: CheckedContinuation<Outcome, Never>
    ) -> Outcome? {
        state.withLock { state in
            // A cancellation before this is seen here; one after it finds the waiter.
            if Task.isCancelled { return .cancelled }
            switch state.admission.arrive(ticket) {
            case .admitted: return .admitted
            case .refused:
                state.refused += 1
                return .full
            case .queued:
                let timer = Task { [weak self, clock] in
                    try? await clock.sleep(for: patience)
                    self?.giveUp(ticket, .late)
                }
                state.waiters[ticket] = Waiter(continuation: continuation, timer: timer)
                return nil
            }
        }
    }

    private func leave() {
        let next = state.withLock { state in state.admission.leave().flatMap { state.waiters.removeValue(forKey: $0) } }
        next?.timer.cancel()
        next?.continuation.resume(returning: .admitted)
    }

    private func giveUp(_ ticket: AdmissionState.Ticket, _ outcome: Outcome) {
        let waiter: Waiter? = state.withLock { state in
            guard state.admission.giveUp(ticket) else { return nil }
            if outcome == .late { state.late += 1 }
            return state.waiters.removeValue(forKey: ticket)
        }
        waiter?.timer.cancel()
        waiter?.continuation.resume(returning: outcome)
    }
}

/// Not admitted; nothing has happened. Worth asking again a little later.
package struct AdmissionRefused: Error, Equatable {
    package enum Reason: String, Sendable {
        /// The queue is full.
        case full
        /// The turn did not come in time.
        case late
    }

    package let reason: Reason
}
