import CRabbitMQ
import Logging
import Reactor

/// Opening, losing and reopening channels.
extension AMQPConnection {
    /// Opens a channel and sends all declarations at once; the broker answers in order.
    func open(_ core: ChannelCore, _ link: Link) {
        guard runState.stop == nil else { return }
        core.beginOpening()
        link.frames.channelLimit = max(link.frames.channelLimit, core.number)
        link.output.channelOpen(core.number)
        core.replies.append(.open)
        if core.window != nil {
            link.output.confirmSelect(core.number)
            core.replies.append(.confirmSelect)
        }
        for declaration in core.setup.declarations { declare(declaration, on: core, link) }
        for index in core.subscriptions.indices { subscribe(index, on: core, link) }
    }

    private func declare(_ declaration: AMQPDeclaration, on core: ChannelCore, _ link: Link) {
        switch declaration {
        case .exchange(let exchange):
            link.output.declare(exchange, channel: core.number)
            core.replies.append(.exchange)
        case .queue(let queue):
            link.output.declare(queue, channel: core.number)
            core.replies.append(.queue)
        case .bind(let queue, let binding):
            link.output.bind(queue: queue, to: binding, channel: core.number)
            core.replies.append(.bind)
            core.pendingBindings.recordRequest()
        }
    }

    func subscribe(_ index: Int, on core: ChannelCore, _ link: Link) {
        guard core.subscriptions[index].state == .idle else { return }
        core.subscriptions[index].state = .starting
        let consumer = core.subscriptions[index].consumer
        declare(.queue(consumer.queue), on: core, link)
        for binding in core.subscriptions[index].bindings { declare(.bind(queue: consumer.queue.name, binding), on: core, link) }
        link.output.qos(prefetch: consumer.noAck ? 0 : max(1, consumer.prefetch), channel: core.number)
        core.replies.append(.qos)
        link.output.consume(
            queue: consumer.queue.name, tag: Self.consumerTag(index), noAck: consumer.noAck, exclusive: consumer.exclusive,
            channel: core.number)
        core.replies.append(.consume(index))
    }

    func handleReply(to request: ReplyQueue.Request, on core: ChannelCore) {
        switch request {
        case .consume(let index): started(index, core)
        case .cancel(let index): removed(index, core)
        case .bind, .unbind: core.pendingBindings.recordAnswer()
        default: break
        }
        if core.phase == .opening, core.replies.isEmpty { opened(core) }
    }

    private func started(_ index: Int, _ core: ChannelCore) {
        if core.subscriptions[index].state == .starting { core.subscriptions[index].state = .active }
        core.subscriptions[index].starts += 1
        core.subscriptions[index].retry.succeed()
        let (onStart, starts) = (core.subscriptions[index].consumer.onStart, core.subscriptions[index].starts)
        onStart?(starts)
    }

    private func removed(_ index: Int, _ core: ChannelCore) {
        core.subscriptions[index].state = .removed
        let waiters = core.subscriptions[index].cancelWaiters
        core.subscriptions[index].cancelWaiters = []
        for waiter in waiters { waiter.resume() }
    }

    private func opened(_ core: ChannelCore) {
        core.phase = .open
        core.retry.succeed()
        for (id, waiter) in openWaiters where waiter.core === core {
            openWaiters[id] = nil
            waiter.continuation.resume(returning: nil)
        }
        core.setup.onState?(.open(epoch: core.epoch))
    }

    // MARK: Losing a channel

    /// Handles a close of one channel by the broker, and reopens the channel after a delay.
    func closedByBroker(_ core: ChannelCore, with error: AMQPError, _ link: Link) {
        logger.warning("channel closed by the broker", metadata: ["channel": "\(core.setup.name)", "reason": "\(error)"])
        link.output.method(.channelCloseOk, channel: core.number)
        cancelRetries(core)
        invalidate(core, error)
        guard self.link === link, core.phase == .closed else { return }
        core.retry.timer = io.schedule(after: core.retry.nextDelay()) { [weak self, serial = core.serial, number = core.number] in
            self?.assumeIsolated { $0.reopen(number, serial) }
        }
    }

    private func reopen(_ number: UInt16, _ serial: UInt32) {
        guard let link, let core = channels[Int(number) - 1], core.serial == serial, core.phase == .closed else { return }
        open(core, link)
    }

    func cancelRetries(_ core: ChannelCore) {
        if let timer = core.retry.timer.take() { io.cancel(timer) }
        for index in core.subscriptions.indices {
            if let timer = core.subscriptions[index].retry.timer.take() { io.cancel(timer) }
        }
    }

    /// Fails all operations that wait on this channel, and resets it.
    func invalidate(_ core: ChannelCore, _ error: AMQPError, phase: ChannelCore.Phase = .closed) {
        let wasUp = core.phase == .open || core.phase == .opening
        var window = core.reset(phase, error)
        while let settled = window?.popOldest(upTo: .max) { settled.waiter?(.lost(error.forSentMessage)) }
        failWaiting(core, error.forUnsentMessage)
        core.pendingBindings.fail(error.forUnsentMessage)
        guard wasUp else { return }
        for index in core.subscriptions.indices { lost(index, on: core, error) }
        core.setup.onState?(.lost(error))
    }

    private func lost(_ index: Int, on core: ChannelCore, _ error: AMQPError) {
        switch core.subscriptions[index].state {
        case .idle, .removed: return
        case .cancelling: removed(index, core)
        case .starting, .active: core.subscriptions[index].state = .idle
        }
        let onLost = core.subscriptions[index].consumer.onLost
        onLost?(error)
    }

    // MARK: Losing a consumer

    /// Declares the queue again and restarts the consumer after the queue or its leader was lost.
    func consumerCancelled(_ method: amqp_basic_cancel_t, on core: ChannelCore, _ link: Link) {
        guard let index = Self.consumerIndex(method.consumer_tag), core.subscriptions.indices.contains(index) else { return }
        guard core.subscriptions[index].isWanted else { return }
        let queue = core.subscriptions[index].consumer.queue.name
        logger.warning("consumer cancelled by the broker", metadata: ["queue": "\(queue)"])
        lost(index, on: core, .notConnected("the broker cancelled the consumer of \(queue)"))
        guard self.link === link else { return }
        let wait = core.subscriptions[index].retry.nextDelay()
        core.subscriptions[index].retry.timer = io.schedule(after: wait) {
            [weak self, serial = core.serial, number = core.number] in
            self?.assumeIsolated { $0.resubscribe(index, channel: number, serial: serial) }
        }
    }

    private func resubscribe(_ index: Int, channel number: UInt16, serial: UInt32) {
        guard let link, let core = channels[Int(number) - 1], core.serial == serial else { return }
        if core.phase == .open || core.phase == .opening { subscribe(index, on: core, link) }
    }
}

extension AMQPError {
    /// The error for a message that was sent without an answer: the outcome is unknown.
    fileprivate var forSentMessage: AMQPError {
        switch self {
        case .unconfirmed, .channelClosed: self
        case .notConnected(let text): .unconfirmed(text)
        default: .unconfirmed("\(self)")
        }
    }

    /// The error for a message that was not sent.
    var forUnsentMessage: AMQPError {
        switch self {
        case .unconfirmed(let text): .notConnected(text)
        case .channelClosed(let code, let text): .notConnected("the broker closed the channel: \(code) \(text)")
        default: self
        }
    }
}
