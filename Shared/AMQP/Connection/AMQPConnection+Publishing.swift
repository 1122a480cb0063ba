/// Someone who waits for a message to be confirmed.
struct PendingPublish {
    let continuation: CheckedContinuation<AMQPError?, Never>
    let core: ChannelCore
    var sent: Bool
}

extension AMQPConnection {
    /// How many publishes may wait for room on one channel.
    private static var lineLimit: Int { 65_536 }

    /// Puts a message into the output; the error when it was not.
    func send(_ message: AMQPMessage, through channel: AMQPChannel, onOutcome: ChannelCore.Waiter?) -> AMQPError? {
        guard let core = core(channel) else { return .notConnected("the channel was closed") }
        if let refusal = refusal(core) { return refusal }
        guard let link else { return lastError.asRefusal }
        if onOutcome != nil, core.window == nil { return .invalid("this channel has no confirms") }
        if let objection = message.objection(maxBody: maxOutgoingBody) { return .invalid(objection) }
        guard hasRoom(for: message, core, link) else { return .full }
        return write(message, core, link, onOutcome)
    }

    /// Why nothing can be sent on this channel now.
    private func refusal(_ core: ChannelCore) -> AMQPError? {
        if life.stop != nil { return .notConnected("the connection is stopping") }
        if core.phase != .open { return core.lastError.asRefusal }
        if let blockedReason { return .blocked(blockedReason) }
        return nil
    }

    /// One message must fit into the output buffer, with its properties.
    private var maxOutgoingBody: Int { min(endpoint.maxBodyBytes, endpoint.maxOutputBytes - (1 << 17)) }

    private func hasRoom(for message: AMQPMessage, _ core: ChannelCore, _ link: Link) -> Bool {
        if let window = core.window, window.isFull { return false }
        return link.output.count == 0 || link.output.count + message.body.count + 1_024 <= endpoint.maxOutputBytes
    }

    private func write(_ message: AMQPMessage, _ core: ChannelCore, _ link: Link, _ waiter: ChannelCore.Waiter?) -> AMQPError? {
        let number = message.mandatory && waiter != nil ? core.window?.next : nil
        guard link.output.publish(message, number: number, channel: core.number, frameMax: link.frameMax) else {
            return .invalid("the headers do not fit into one frame")
        }
        core.window?.append(waiter)
        return nil
    }

    /// The broker has answered. Believed only of what was published: those who are told may publish more while we are at it.
    func settle(_ core: ChannelCore, _ number: UInt64, multiple: Bool, _ outcome: AMQPOutcome) -> String? {
        guard let next = core.window?.next, number < next else { return "an answer to message \(number), which was not sent" }
        if multiple {
            let last = core.window?.lastAnswered(by: number) ?? 0
            while let settled = core.window?.popOldest(upTo: last) { settled.waiter?(outcome) }
        } else if let waiter = core.window?.settle(number) {
            waiter(outcome)
        }
        if !core.waiting.isEmpty, let link { admit(core, link) }
        if life.stop != nil { life.wakeUp() }
        return nil
    }

    // MARK: Waiting for the outcome

    /// Returns when the broker has answered; the error says what it answered, or why it cannot.
    func publish(_ message: AMQPMessage, through channel: AMQPChannel) async -> AMQPError? {
        let id = nextID()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { begin(message, id, channel, $0) }
        } onCancel: {
            Task { await self.abandon(id) }
        }
    }

    private func begin(
        _ message: AMQPMessage, _ id: UInt64, _ channel: AMQPChannel, _ continuation: CheckedContinuation<AMQPError?, Never>
    ) {
        // From here on until it is registered nothing suspends, so a cancellation that comes later finds it.
        if Task.isCancelled { return continuation.resume(returning: .cancelled(sent: false)) }
        guard let core = core(channel) else { return continuation.resume(returning: .notConnected("the channel was closed")) }
        if let refusal = refusal(core) ?? objection(message, core) { return continuation.resume(returning: refusal) }
        guard core.waiting.count < Self.lineLimit else { return continuation.resume(returning: .full) }
        publishes[id] = PendingPublish(continuation: continuation, core: core, sent: false)
        core.waiting.append(message, id: id)
        if let link { admit(core, link) }
    }

    private func objection(_ message: AMQPMessage, _ core: ChannelCore) -> AMQPError? {
        if core.window == nil { return .invalid("this channel has no confirms") }
        return message.objection(maxBody: maxOutgoingBody).map { .invalid($0) }
    }

    /// Sends those who wait, as far as there is room.
    func admit(_ core: ChannelCore, _ link: Link) {
        while core.phase == .open, blockedReason == nil, let message = core.waiting.first, hasRoom(for: message, core, link) {
            guard let id = core.waiting.popFirst()?.id else { return }
            publishes[id]?.sent = true
            let error = write(message, core, link) { outcome in self.assumeIsolated { $0.finish(id, outcome.error) } }
            if let error { finish(id, error) }
        }
    }

    /// Those who wait on this channel and were not sent.
    func refuseWaiting(_ core: ChannelCore, _ error: AMQPError) {
        while let (id, _) = core.waiting.popFirst() { finish(id, error) }
    }

    private func finish(_ id: UInt64, _ error: AMQPError?) {
        publishes.removeValue(forKey: id)?.continuation.resume(returning: error)
    }

    private func abandon(_ id: UInt64) {
        guard let pending = publishes[id] else { return }
        if !pending.sent { pending.core.waiting.remove(id: id) }
        finish(id, .cancelled(sent: pending.sent))
    }
}

extension AMQPOutcome {
    /// `nil` when the broker has taken the message.
    fileprivate var error: AMQPError? {
        switch self {
        case .confirmed: nil
        case .returned(let back): .unroutable(code: back.code, text: back.text)
        case .rejected: .rejected
        case .lost(let error): error
        }
    }
}
