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
        try admit(on: session)
        let reply = try await send(command, timeout: timeout).get()
        if case .error(let message) = reply { throw .refused(message) }
        return reply
    }

    private func admit(on session: RedisSession?) throws(RedisError) {
        guard let current = link?.session, session == nil || session == current else { throw .notConnected }
        if inFlight.count >= endpoint.maxInFlight || output.count >= endpoint.maxOutputBytes { throw .overloaded }
        if Task.isCancelled { throw .cancelled(mayHaveHappened: false) }
    }

    private func send(_ command: [RedisArgument], timeout: Duration?) async -> Result<RedisReply, RedisError> {
        let ticket = inFlight.nextTicket
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let now = monotonicNow()
                let deadline = now + (timeout ?? endpoint.commandTimeout).nanoseconds
                output.append(command)
                inFlight.append(waiter, sentAt: now, deadline: deadline)
                watch(until: deadline, now: now)
            }
        } onCancel: {
            Task { await self.abandon(ticket) }
        }
    }

    private func abandon(_ ticket: InFlight<Waiter>.Ticket) {
        inFlight.abandon(ticket)?.resume(returning: .failure(.cancelled(mayHaveHappened: true)))
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
        for waiter in inFlight.expire(at: now) { waiter.resume(returning: .failure(.timedOut)) }
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
            if try link?.context.receive() == true { lastReceivedAt = monotonicNow() }
            while let reply = try link?.context.nextReply() {
                guard let waiter = inFlight.answered() else { throw .unexpected(reply, wanted: "nothing") }
                waiter?.resume(returning: .success(reply))
            }
        } catch {
            close(error)
        }
    }
}
