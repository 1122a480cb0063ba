import Reactor

extension RedisClient {
    /// Sends one command at the end of this loop turn and waits for its reply.
    ///
    /// - Parameters:
    ///   - command: the words of the command, such as `["SET", "a key", .bytes(value)]`.
    ///   - timeout: the time to wait for the reply; by default that of the endpoint.
    ///   - session: if given, the command is sent on this connection only. For commands that depend on the
    ///     server process.
    /// - Throws: ``RedisError``. `notConnected` and `overloaded` are thrown at once, before anything is sent.
    /// - Note: Cancellation ends the wait. It does not recall the command.
    package func command(
        _ command: [RedisArgument], timeout: Duration? = nil, on session: RedisSession? = nil
    ) async throws(RedisError) -> RedisReply {
        let reply = try await reply(to: try send(command, timeout: timeout, on: session)).get()
        if case .error(let message) = reply { throw .refused(message) }
        return reply
    }

    /// Synchronous, because other callers may run at every `await`, even before a continuation is created.
    private func send(
        _ command: [RedisArgument], timeout: Duration?, on session: RedisSession?
    ) throws(RedisError) -> InFlightCommands<Waiter>.Ticket {
        guard let current = link?.session, session == nil || session == current else { throw .notConnected }
        if inFlight.count >= endpoint.maxInFlight || output.count >= endpoint.maxOutputBytes { throw .overloaded }
        if Task.isCancelled { throw .cancelled(mayHaveHappened: false) }
        let now = monotonicNow()
        let deadline = now + (timeout ?? endpoint.commandTimeout).nanoseconds
        output.append(command)
        // The stall timeout may end before the caller's deadline.
        scheduleDeadlineCheck(at: min(deadline, now + endpoint.stallTimeout.nanoseconds), now: now)
        return inFlight.reserve(sentAt: now, deadline: deadline)
    }

    private func reply(to ticket: InFlightCommands<Waiter>.Ticket) async -> Result<RedisReply, RedisError> {
        await withTaskCancellationHandler {
            // A checked continuation costs a tenth of a command. This one is resumed exactly once: here, or
            // by the recipient that InFlightCommands returns. It holds the waiter in one slot and releases it
            // with the first of reply, deadline, cancellation and loss of the connection.
            await withUnsafeContinuation { waiter in
                if inFlight.attach(waiter, to: ticket) { return }
                waiter.resume(returning: earlyResults.removeValue(forKey: ticket) ?? .failure(.connectionLost))
            }
        } onCancel: {
            io.post { self.assumeIsolated { $0.abandon(ticket) } }
        }
    }

    private func abandon(_ ticket: InFlightCommands<Waiter>.Ticket) {
        deliver(.failure(.cancelled(mayHaveHappened: true)), to: inFlight.abandon(ticket))
    }

    func deliver(_ result: Result<RedisReply, RedisError>, to recipient: InFlightCommands<Waiter>.Recipient) {
        switch recipient {
        case .waiter(let waiter): waiter.resume(returning: result)
        case .reserved(let ticket): earlyResults[ticket] = result
        case .discarded: break
        }
    }

    // MARK: Deadlines

    /// Ensures that deadlines are checked at `time`. Replies do not move the timer: at most a few times a
    /// second it fires without finding an expired command.
    private func scheduleDeadlineCheck(at time: Nanoseconds, now: Nanoseconds) {
        if let deadlineCheckAt, deadlineCheckAt <= time { return }
        deadlineCheckAt = time
        io.schedule(after: .nanoseconds(max(0, time - now))) { [weak self] in
            self?.assumeIsolated { $0.checkDeadlines(scheduledAt: time) }
        }
    }

    private func checkDeadlines(scheduledAt time: Nanoseconds) {
        // An earlier timer has replaced this one.
        guard deadlineCheckAt == time else { return }
        deadlineCheckAt = nil
        let now = monotonicNow()
        for recipient in inFlight.expire(at: now) { deliver(.failure(.timedOut), to: recipient) }
        guard let oldest = inFlight.oldestSentAt else { return }
        let stalledAt = max(oldest, lastReceivedAt) + endpoint.stallTimeout.nanoseconds
        if now >= stalledAt {
            return close(RedisError(.timedOut, "the server accepts commands and does not reply", mayHaveHappened: true))
        }
        scheduleDeadlineCheck(at: min(inFlight.earliestDeadline, stalledAt), now: now)
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
            for _ in 0..<RedisContext.readsPerTurn {
                guard let count = try link?.context.receive(), count > 0 else { return }
                lastReceivedAt = monotonicNow()
                while let reply = try link?.context.nextReply() {
                    guard let recipient = inFlight.completeNext() else { throw .unexpected(reply, expected: "no reply") }
                    deliver(.success(reply), to: recipient)
                }
                if count < RedisContext.readSize { return }
            }
        } catch {
            close(error)
        }
    }
}
