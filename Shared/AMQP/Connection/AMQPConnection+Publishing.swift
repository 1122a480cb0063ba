import Reactor
/// A `publish` call that waits for its confirm.
struct PendingPublish {
    let continuation: CheckedContinuation<AMQPError?, Never>
    let core: ChannelCore
    var sent: Bool
}

extension AMQPConnection {
    /// The number of publishes that may wait for room on one channel.
    private static var waitLimit: Int { 65_536 }

    /// Adds a message to the output. Returns the error if it could not.
    func send(_ message: AMQPMessage, through channel: AMQPChannel, onOutcome: ChannelCore.Waiter?) -> AMQPError? {
        guard let core = core(channel) else { return .notConnected("the channel was closed") }
        if let sendError = sendError(core) { return sendError }
        guard let link else { return lastError.forUnsentMessage }
        if onOutcome != nil, core.window == nil { return .invalid("this channel has no confirms") }
        if let violation = message.violation(maxBody: maxOutgoingBody) { return .invalid(violation) }
        guard hasRoom(for: message, on: core, link) else { return .full }
        return write(message, on: core, link, onOutcome: onOutcome)
    }

    /// Returns the reason why the channel cannot send now, or `nil`.
    private func sendError(_ core: ChannelCore) -> AMQPError? {
        if runState.stop != nil { return .notConnected("the connection is stopping") }
        if core.phase != .open { return core.lastError.forUnsentMessage }
        if let blockedReason { return .blocked(blockedReason) }
        return nil
    }

    /// The maximum body size: a message must fit into the output buffer together with its properties.
    private var maxOutgoingBody: Int { min(endpoint.maxBodyBytes, endpoint.maxOutputBytes - (1 << 17)) }

    private func hasRoom(for message: AMQPMessage, on core: ChannelCore, _ link: Link) -> Bool {
        if let window = core.window, window.isFull { return false }
        return link.output.count == 0 || link.output.count + message.body.count + 1_024 <= endpoint.maxOutputBytes
    }

    private func write(_ message: AMQPMessage, on core: ChannelCore, _ link: Link, onOutcome: ChannelCore.Waiter?) -> AMQPError? {
        let number = message.mandatory && onOutcome != nil ? core.window?.next : nil
        guard link.output.publish(message, number: number, channel: core.number, frameMax: link.frameMax) else {
            return .invalid("the headers do not fit into one frame")
        }
        core.window?.append(onOutcome)
        return nil
    }

    /// Applies the broker's answer to published messages. Callbacks may publish more meanwhile.
    ///
    /// - Returns: the protocol violation if the answer is for a message that was not published.
    func settle(_ number: UInt64, multiple: Bool, as outcome: AMQPOutcome, on core: ChannelCore) -> String? {
        guard let next = core.window?.next, number < next else {
            return "a confirm of message \(number), which was not published"
        }
        if multiple {
            let last = core.window?.lastAnswered(by: number) ?? 0
            while let settled = core.window?.popOldest(upTo: last) { settled.waiter?(outcome) }
        } else if let waiter = core.window?.settle(number) {
            waiter(outcome)
        }
        if !core.waiting.isEmpty, let link { sendWaiting(core, link) }
        if runState.stop != nil { runState.resumeSleeper() }
        return nil
    }

    // MARK: Waiting for the outcome

    /// Publishes a message and waits for the broker's answer. Returns the error, or `nil` once confirmed.
    func publish(_ message: AMQPMessage, through channel: AMQPChannel) async -> AMQPError? {
        let id = nextID()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { enqueue(message, id: id, on: channel, $0) }
        } onCancel: {
            io.post { self.assumeIsolated { $0.cancelPublish(id) } }
        }
    }

    private func enqueue(
        _ message: AMQPMessage, id: UInt64, on channel: AMQPChannel, _ continuation: CheckedContinuation<AMQPError?, Never>
    ) {
        // No suspension until the publish is registered, so a later cancellation finds it.
        if Task.isCancelled { return continuation.resume(returning: .cancelled(sent: false)) }
        guard let core = core(channel) else { return continuation.resume(returning: .notConnected("the channel was closed")) }
        if let sendError = sendError(core) ?? validate(message, on: core) { return continuation.resume(returning: sendError) }
        guard core.waiting.count < Self.waitLimit else { return continuation.resume(returning: .full) }
        publishes[id] = PendingPublish(continuation: continuation, core: core, sent: false)
        core.waiting.append(message, id: id)
        if let link { sendWaiting(core, link) }
    }

    private func validate(_ message: AMQPMessage, on core: ChannelCore) -> AMQPError? {
        if core.window == nil { return .invalid("this channel has no confirms") }
        return message.violation(maxBody: maxOutgoingBody).map { .invalid($0) }
    }

    /// Sends waiting publishes while there is room.
    func sendWaiting(_ core: ChannelCore, _ link: Link) {
        while core.phase == .open, blockedReason == nil, let message = core.waiting.first, hasRoom(for: message, on: core, link) {
            guard let id = core.waiting.popFirst()?.id else { return }
            publishes[id]?.sent = true
            let error = write(message, on: core, link) { outcome in self.assumeIsolated { $0.complete(id, outcome.error) } }
            if let error { complete(id, error) }
        }
    }

    /// Fails the publishes of this channel that were not sent.
    func failWaiting(_ core: ChannelCore, _ error: AMQPError) {
        while let (id, _) = core.waiting.popFirst() { complete(id, error) }
    }

    private func complete(_ id: UInt64, _ error: AMQPError?) {
        publishes.removeValue(forKey: id)?.continuation.resume(returning: error)
    }

    private func cancelPublish(_ id: UInt64) {
        guard let pending = publishes[id] else { return }
        if !pending.sent { pending.core.waiting.remove(id: id) }
        complete(id, .cancelled(sent: pending.sent))
    }
}

extension AMQPOutcome {
    /// `nil` if the broker has confirmed the message.
    fileprivate var error: AMQPError? {
        switch self {
        case .confirmed: nil
        case .returned(let back): .unroutable(code: back.code, text: back.text)
        case .rejected: .rejected
        case .lost(let error): error
        }
    }
}
