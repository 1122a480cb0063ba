import AMQP
import Contracts
import Logging
import Metrics
import Reactor

/// Answers, and the comings and goings of the connection.
extension CallClient {
    func received(_ delivery: AMQPDelivery) {
        hear { $0.heard() }
        let sender = delivery.properties.userID
        do {
            for reply in try ReplyEnvelope.decode(delivery.body) {
                let isInDoubt = reply.kind == .error && pending.isInDoubt(reply.correlationID)
                guard let waiter = pending.answered(reply.correlationID, by: sender) else {
                    ignored.increment()  // late, a second answer to a repeated call, or from somebody who was not asked
                    continue
                }
                finish(waiter, reply.answer(isInDoubt: isInDoubt))
            }
        } catch {
            unreadable(error, from: sender)
        }
    }

    private func unreadable(_ error: EnvelopeError, from sender: String?) {
        ignored.increment()
        logger.warning("answers cannot be read", metadata: ["from": "\(sender ?? "-")", "error": "\(error)"])
        for id in error.correlationIDs {
            guard let waiter = pending.answered(id, by: sender) else { continue }
            let error = ServiceError(.internal, "the answer of \(sender ?? "-") cannot be read by this release")
            finish(waiter, .failure(error))
        }
    }

    func repliesChanged(_ state: AMQPChannelState) {
        if case .lost = state { loseAll() } else { resumeWaiting() }
    }

    nonisolated func stateChanged() { assumeIsolated { $0.resumeWaiting() } }

    func connectionChanged(_ status: AMQPStatus) {
        // A blocked connection takes our publishes and gives no answers; servers' answers wait likewise.
        if case .blocked = status { loseAll() }
        if case .unblocked = status { resumeWaiting() }
    }

    /// Whoever waited for the broker goes on once it gives a sign of life.
    func hear(_ sign: (inout BrokerWatchdog) -> Void) {
        let wasSilent = silence.isSilent
        sign(&silence)
        if wasSilent, !silence.isSilent { resumeWaiting() }
    }

    func scheduleTick() {
        io.schedule(after: BrokerWatchdog.tick) { [weak self] in self?.assumeIsolated { $0.tick() } }
    }

    private func tick() {
        let step = silence.ticked()
        if step == .becameSilent {
            logger.warning("the broker is silent")
            loseAll()
        }
        if step != .rest { scheduleTick() }
    }

    private func loseAll() {
        for (id, step) in pending.lostAll() { perform(step, id) }
    }

    private func resumeWaiting() {
        guard isReady else { return }
        graceTimer.map(io.cancel)
        graceTimer = nil
        for id in pending.connected() { perform(.send, id) }
    }

    func startGrace() {
        if graceTimer != nil { return }
        graceTimer = io.schedule(after: Self.reconnectGrace) { [weak self] in
            self?.assumeIsolated { client in
                client.graceTimer = nil
                for step in client.pending.connectionStayedAway() { client.perform(step) }
            }
        }
    }
}

extension Result where Failure == ServiceError {
    /// For metrics.
    var code: String {
        switch self {
        case .success: "ok"
        case .failure(let error): error.code.rawValue
        }
    }
}

extension EnvelopeError {
    var correlationIDs: [UInt64] {
        switch self {
        case .truncated: []
        case .version(_, let ids), .malformed(_, let ids): ids
        }
    }
}

extension AMQPError {
    /// For people.
    package var sendFailureReason: String {
        switch self {
        case .notConnected: "the broker is away"
        case .blocked: "the broker takes no messages now"
        case .full: "the connection to the broker is full"
        default: "the call could not be sent"
        }
    }
}
