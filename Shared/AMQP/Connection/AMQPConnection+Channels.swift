import CRabbitMQ
import Logging
import Reactor

/// How channels open, close, and come back.
extension AMQPConnection {
    /// Asks everything at once; the broker answers in order.
    func open(_ core: ChannelCore, _ link: Link) {
        guard life.stop == nil else { return }
        core.beginOpening()
        link.frames.channelLimit = max(link.frames.channelLimit, core.number)
        link.output.channelOpen(core.number)
        core.replies.ask(.open)
        if core.window != nil {
            link.output.confirmSelect(core.number)
            core.replies.ask(.confirmSelect)
        }
        for declaration in core.setup.declarations { declare(declaration, core, link) }
        for index in core.subscriptions.indices { subscribe(index, core, link) }
    }

    private func declare(_ declaration: AMQPDeclaration, _ core: ChannelCore, _ link: Link) {
        switch declaration {
        case .exchange(let exchange):
            link.output.declare(exchange, channel: core.number)
            core.replies.ask(.exchange)
        case .queue(let queue):
            link.output.declare(queue, channel: core.number)
            core.replies.ask(.queue)
        case .bind(let queue, let binding):
            link.output.bind(queue: queue, to: binding, channel: core.number)
            core.replies.ask(.bind)
            core.rebindings.ask()
        }
    }

    func subscribe(_ index: Int, _ core: ChannelCore, _ link: Link) {
        guard core.subscriptions[index].state == .idle else { return }
        core.subscriptions[index].state = .starting
        let consumer = core.subscriptions[index].consumer
        declare(.queue(consumer.queue), core, link)
        for binding in core.subscriptions[index].bindings { declare(.bind(queue: consumer.queue.name, binding), core, link) }
        link.output.qos(prefetch: consumer.noAck ? 0 : max(1, consumer.prefetch), channel: core.number)
        core.replies.ask(.qos)
        link.output.consume(
            queue: consumer.queue.name, tag: Self.consumerTag(index), noAck: consumer.noAck, exclusive: consumer.exclusive,
            channel: core.number)
        core.replies.ask(.consume(index))
    }

    func answered(_ question: ReplyQueue.Question, _ core: ChannelCore) {
        switch question {
        case .consume(let index): started(index, core)
        case .cancel(let index): removed(index, core)
        case .bind, .unbind: core.rebindings.answer()
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

    // MARK: Losing one

    /// The broker closed this channel alone; it is opened again after a wait.
    func closedByBroker(_ core: ChannelCore, _ error: AMQPError, _ link: Link) {
        logger.warning("the broker closed a channel", metadata: ["channel": "\(core.setup.name)", "reason": "\(error)"])
        link.output.method(.channelCloseOk, channel: core.number)
        cancelRetries(core)
        lose(core, error)
        guard self.link === link, core.phase == .closed else { return }
        core.retry.timer = io.schedule(after: core.retry.wait()) { [weak self, serial = core.serial, number = core.number] in
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

    /// Tells everyone who waits for something on this channel.
    func lose(_ core: ChannelCore, _ error: AMQPError, phase: ChannelCore.Phase = .closed) {
        let wasUp = core.phase == .open || core.phase == .opening
        var window = core.reset(phase, error)
        while let settled = window?.popOldest(upTo: .max) { settled.waiter?(.lost(error.asLoss)) }
        refuseWaiting(core, error.asRefusal)
        core.rebindings.fail(error.asRefusal)
        guard wasUp else { return }
        for index in core.subscriptions.indices { lost(index, core, error) }
        core.setup.onState?(.lost(error))
    }

    private func lost(_ index: Int, _ core: ChannelCore, _ error: AMQPError) {
        switch core.subscriptions[index].state {
        case .idle, .removed: return
        case .cancelling: removed(index, core)
        case .starting, .active: core.subscriptions[index].state = .idle
        }
        let onLost = core.subscriptions[index].consumer.onLost
        onLost?(error)
    }

    // MARK: Losing a consumer

    /// The queue is gone, or its leader: declare it again and go on.
    func consumerCancelled(_ method: amqp_basic_cancel_t, _ core: ChannelCore, _ link: Link) {
        guard let index = Self.consumerIndex(method.consumer_tag), core.subscriptions.indices.contains(index) else { return }
        guard core.subscriptions[index].isWanted else { return }
        let queue = core.subscriptions[index].consumer.queue.name
        logger.warning("the broker cancelled a consumer", metadata: ["queue": "\(queue)"])
        lost(index, core, .notConnected("the broker cancelled the consumer of \(queue)"))
        guard self.link === link else { return }
        let wait = core.subscriptions[index].retry.wait()
        core.subscriptions[index].retry.timer = io.schedule(after: wait) {
            [weak self, serial = core.serial, number = core.number] in
            self?.assumeIsolated { $0.resubscribe(index, number, serial) }
        }
    }

    private func resubscribe(_ index: Int, _ number: UInt16, _ serial: UInt32) {
        guard let link, let core = channels[Int(number) - 1], core.serial == serial else { return }
        if core.phase == .open || core.phase == .opening { subscribe(index, core, link) }
    }
}

extension AMQPError {
    /// What to tell someone whose message was sent and not answered: whatever ended the wait, nobody knows.
    fileprivate var asLoss: AMQPError {
        switch self {
        case .unconfirmed, .channelClosed: self
        case .notConnected(let text): .unconfirmed(text)
        default: .unconfirmed("\(self)")
        }
    }

    /// What to tell someone whose message was not sent yet.
    var asRefusal: AMQPError {
        switch self {
        case .unconfirmed(let text): .notConnected(text)
        case .channelClosed(let code, let text): .notConnected("the broker closed the channel: \(code) \(text)")
        default: self
        }
    }
}
