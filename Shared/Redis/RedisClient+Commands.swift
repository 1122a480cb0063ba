import Reactor

extension RedisClient {
    /// Sends one command at the end of this loop turn and waits for its answer.
    ///
    /// - Parameters:
    ///   - command: the words as Redis' manual has them, `["SET", "a key", .bytes(value)]`.
    ///   - timeout: of the waiting; the endpoint's unless given.
    ///   - session: sends it on this connection or not at all, for commands whose meaning depends on the server's process.
    /// - Throws: ``RedisError``. `notConnected` and `overloaded` come at once, and nothing was sent.
    /// - Note: Cancelling the task stops the waiting, not the command.
    package func command(
        _ command: [RedisArgument], timeout: Duration? = nil, on session: RedisSession? = nil
    ) async throws(RedisError) -> RedisReply {
        let reply = try await answer(to: try send(command, timeout: timeout, on: session)).get()
        if case .error(let message) = reply { throw .refused(message) }
        return reply
    }

    /// Everything is decided here, before anybody waits: an `await` may let others in, even on the way to a continuation.
    private func send(
        _ command: [RedisArgument], timeout: Duration?, on session: RedisSession?
    ) throws(RedisError) -> InFlight<Waiter>.Ticket {
        guard let current = link?.session, session == nil || session == current else { throw .notConnected }
        if inFlight.count >= endpoint.maxInFlight || output.count >= endpoint.maxOutputBytes { throw .overloaded }
        if Task.isCancelled { throw .cancelled(mayHaveHappened: false) }
        let now = monotonicNow()
        let deadline = now + (timeout ?? endpoint.commandTimeout).nanoseconds
        output.append(command)
        // A server that says nothing is noticed before a patient caller's deadline.
        watch(until: min(deadline, now + endpoint.stallTimeout.nanoseconds), now: now)
        return inFlight.reserve(sentAt: now, deadline: deadline)
    }

    private func answer(to ticket: InFlight<Waiter>.Ticket) async -> Result<RedisReply, RedisError> {
        await withTaskCancellationHandler {
            // Unsafe, because checking costs a tenth of a command. It is resumed once: right here, or by whom ``InFlight`` gives it to, which has
            // it in one slot and lets go of it with the answer, the deadline, the cancellation or the connection, whichever comes first.
            await withUnsafeContinuation { waiter in
                if inFlight.wait(ticket, waiter) { return }
                waiter.resume(returning: decided.removeValue(forKey: ticket) ?? .failure(.connectionLost))
            }
        } onCancel: {
            Task { await self.abandon(ticket) }
        }
    }

    private func abandon(_ ticket: InFlight<Waiter>.Ticket) {
        decide(inFlight.leave(ticket), .failure(.cancelled(mayHaveHappened: true)))
    }

    func decide(_ party: InFlight<Waiter>.Party, _ result: Result<RedisReply, RedisError>) {
        switch party {
        case .waiter(let waiter): waiter.resume(returning: result)
        case .reserved(let ticket): decided[ticket] = result
        case .nobody: break
        }
    }

    // MARK: Late answers

    /// Sees to it that somebody looks at `time`. A timer is not moved when answers come: it fires and finds nothing, a few times a second at most.
    private func watch(until time: Nanoseconds, now: Nanoseconds) {
        if let watchAt, watchAt <= time { return }
        watchAt = time
        io.schedule(after: .nanoseconds(max(0, time - now))) { [weak self] in
            self?.assumeIsolated { $0.lookForLate(setFor: time) }
        }
    }

    private func lookForLate(setFor time: Nanoseconds) {
        // An earlier timer took its place.
        guard watchAt == time else { return }
        watchAt = nil
        let now = monotonicNow()
        for party in inFlight.expire(at: now) { decide(party, .failure(.timedOut)) }
        guard let oldest = inFlight.oldestSentAt else { return }
        let givenUpAt = max(oldest, lastReceivedAt) + endpoint.stallTimeout.nanoseconds
        if now >= givenUpAt { return close(RedisError(.timedOut, "it accepts commands and says nothing", mayHaveHappened: true)) }
        watch(until: min(inFlight.earliestDeadline, givenUpAt), now: now)
    }
}

extension RedisClient: IOSource {
    package nonisolated func beforeWait() -> IOInterest? { assumeIsolated { $0.flush() } }
    package nonisolated func ready(_ readiness: IOReadiness) { assumeIsolated { $0.receive() } }

    private func flush() -> IOInterest? {
        do throws(RedisError) {
            try output.drain { bytes throws(RedisError) in try link?.context.send(bytes) ?? 0 }
        } catch {
            close(error)
        }
        guard let descriptor = link?.context.descriptor else { return nil }
        return IOInterest(descriptor: descriptor, write: !output.isEmpty)
    }

    private func receive() {
        do throws(RedisError) {
            for _ in 0..<RedisContext.piecesPerTurn {
                guard let count = try link?.context.receive(), count > 0 else { return }
                lastReceivedAt = monotonicNow()
                while let reply = try link?.context.nextReply() {
                    guard let party = inFlight.answered() else { throw .unexpected(reply, wanted: "nothing") }
                    decide(party, .success(reply))
                }
                if count < RedisContext.pieceSize { return }
            }
        } catch {
            close(error)
        }
    }
}
