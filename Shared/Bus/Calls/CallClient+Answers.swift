import AMQP
import CBOR
import Contracts
import Logging
import Metrics
import Reactor

/// Answers, and changes of the connection.
extension CallClient {
    func received(_ delivery: AMQPDelivery) {
        update { $0.heard() }
        let sender = delivery.properties.userID
        do {
            for reply in try ReplyEnvelope.decode(delivery.body) {
                let isInDoubt = reply.kind == .error && pending.isInDoubt(reply.correlationID)
                guard let waiter = pending.answered(reply.correlationID, by: sender) else {
                    ignored.increment()  // late, the second answer to a repeated call, or not from the called service
                    continue
                }
                finish(waiter, reply.answer(isInDoubt: isInDoubt))
            }
        } catch {
            malformed(error, from: sender)
        }
    }

    private func malformed(_ error: EnvelopeError, from sender: String?) {
        ignored.increment()
        logger.warning("answers could not be decoded", metadata: ["from": "\(sender ?? "-")", "error": "\(error)"])
        for id in error.correlationIDs {
            guard let waiter = pending.answered(id, by: sender) else { continue }
            let error = ServiceError(.internal, "the answer of \(sender ?? "-") cannot be decoded by this release")
            finish(waiter, .failure(error))
        }
    }

    func repliesChanged(_ state: AMQPChannelState) {
        if case .lost = state { loseAll() } else { resumeWaiting() }
    }

    nonisolated func stateChanged() { assumeIsolated { $0.resumeWaiting() } }

    func connectionChanged(_ status: AMQPStatus) {
        // A blocked broker delivers no answers, and blocks those of the servers too.
        if case .blocked = status { loseAll() }
        if case .unblocked = status { resumeWaiting() }
    }

    /// Updates the watchdog, and resumes waiting calls when the broker is not silent any more.
    func update(_ change: (inout BrokerWatchdog) -> Void) {
        let wasSilent = watchdog.isSilent
        change(&watchdog)
        if wasSilent, !watchdog.isSilent { resumeWaiting() }
    }

    func scheduleTick() {
        io.schedule(after: BrokerWatchdog.tick) { [weak self] in self?.assumeIsolated { $0.tick() } }
    }

    private func tick() {
        let step = watchdog.ticked()
        if step == .becameSilent {
            logger.warning("the broker fell silent")
            loseAll()
        }
        if step != .stop { scheduleTick() }
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

extension WireReply {
    /// The result for the caller. An error that cannot be decoded becomes `internal`.
    ///
    /// - Parameter isInDoubt: whether another attempt of the same call may have done the work; see
    ///   ``PendingCalls/isInDoubt(_:)``.
    func answer(isInDoubt: Bool) -> Result<[UInt8], ServiceError> {
        if kind == .answer { return .success(payload) }
        guard let error = try? CBORDecoder.contracts.decode(ServiceError.self, from: payload) else {
            return .failure(ServiceError(.internal, "the error in the answer is malformed"))
        }
        return .failure(isInDoubt ? error.ofOneAttempt : error)
    }
}

extension ServiceError {
    /// The error of one of two attempts. The other one may have had an effect, whatever this error says.
    fileprivate var ofOneAttempt: ServiceError {
        var error = self
        error.mayHaveHappened = true
        // `unavailable` means that no work was done.
        if error.code == .unavailable { error.code = .unknownOutcome }
        return error
    }
}

extension Result where Failure == ServiceError {
    /// The label for metrics.
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
    /// Why a message was not sent, for people.
    package var sendFailureReason: String {
        switch self {
        case .notConnected: "the broker is away"
        case .blocked: "the broker takes no messages now"
        case .full: "the connection to the broker is full"
        default: "the call could not be sent"
        }
    }
}
