import AMQP
import Contracts
import Metrics
import Reactor

/// Calls of one loop turn leave at its end, or as soon as a message is full.
extension CallClient {
    func enqueue(_ id: UInt64, bytes: Int, to service: ServiceName) {
        if let full = outgoing.add(id, bytes: bytes, to: service) {
            send(full, to: service)
            requests?.flush()
        }
        if flushIsScheduled { return }
        flushIsScheduled = true
        io.atTurnEnd { [weak self] in self?.assumeIsolated { $0.flush() } }
    }

    private func flush() {
        flushIsScheduled = false
        inFlight.record(pending.count)
        for (service, ids) in outgoing.drain() { send(ids, to: service) }
    }

    private func send(_ ids: [UInt64], to service: ServiceName) {
        let started = ids.compactMap { pending.startAttempt($0) }
        if !started.isEmpty { send(started.map(\.call), started.map(\.attempt), to: service) }
    }

    private func send(_ calls: [WireCall], _ attempts: [PendingCalls<Waiter>.Attempt], to service: ServiceName) {
        let latest = calls.lazy.map(\.deadline).max() ?? 0
        var properties = AMQPProperties()
        properties.userID = self.service.rawValue
        properties.replyTo = replyQueue
        properties.expiration = max(1, latest - Deadline.now)
        let message = AMQPMessage(
            exchange: Exchange.rpc, routingKey: service.rawValue, mandatory: true, properties: properties,
            body: CallEnvelope.encode(calls))
        do throws(AMQPError) {
            guard let requests, isReady else { throw .notConnected("the channel is not open") }
            try requests.send(message) { [weak self] outcome in self?.assumeIsolated { $0.settle(attempts, outcome) } }
            messages.increment()
            if watchdog.sent() { scheduleTick() }
        } catch {
            for attempt in attempts { perform(pending.refused(attempt, .notSent(error.sendFailureReason)), attempt.id) }
        }
    }

    private func settle(_ attempts: [PendingCalls<Waiter>.Attempt], _ outcome: AMQPOutcome) {
        update { $0.settled() }
        switch outcome {
        case .confirmed: break
        case .returned: for attempt in attempts { perform(pending.refused(attempt, .noServer), attempt.id) }
        case .rejected: for attempt in attempts { perform(pending.refused(attempt, .full), attempt.id) }
        case .lost: for attempt in attempts { perform(pending.lost(attempt), attempt.id) }
        }
    }
}
