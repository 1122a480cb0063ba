import Reactor
/// Operations of ``AMQPChannel``.
extension AMQPConnection {
    func acknowledge(_ tag: AMQPDeliveryTag, on channel: AMQPChannel) {
        guard let core = core(channel), core.epoch == tag.epoch else { return }
        if core.acks.acknowledge(tag.value) { unflushed.append(core) }
    }

    func reject(_ tag: AMQPDeliveryTag, requeue: Bool, on channel: AMQPChannel) {
        guard let link, let core = core(channel), core.epoch == tag.epoch, core.acks.reject(tag.value) else { return }
        link.output.reject(tag.value, requeue: requeue, channel: core.number)
    }

    func consume(_ consumer: AMQPConsumer, on channel: AMQPChannel) -> AMQPConsumerID {
        guard let core = core(channel) else { return AMQPConsumerID(index: -1) }
        let index = core.add(consumer)
        if let link, core.phase == .open || core.phase == .opening { subscribe(index, on: core, link) }
        return AMQPConsumerID(index: index)
    }

    func cancel(_ id: AMQPConsumerID, on channel: AMQPChannel) async {
        guard let core = core(channel), core.subscriptions.indices.contains(id.index) else { return }
        await cancel(id.index, core)
    }

    func stopConsuming(on channel: AMQPChannel) async {
        guard let core = core(channel) else { return }
        for index in core.subscriptions.indices { beginCancel(index, core) }
        for index in core.subscriptions.indices { await cancel(index, core) }
    }

    private func cancel(_ index: Int, _ core: ChannelCore) async {
        beginCancel(index, core)
        await withCheckedContinuation { waiter in
            // Checked here, because the answer may have come before the continuation existed.
            guard core.subscriptions[index].state == .cancelling else { return waiter.resume() }
            core.subscriptions[index].cancelWaiters.append(waiter)
        }
    }

    private func beginCancel(_ index: Int, _ core: ChannelCore) {
        switch core.subscriptions[index].state {
        case .cancelling, .removed: return
        case .idle: core.subscriptions[index].state = .removed
        case .starting, .active:
            // Without a link the consumer would be idle.
            guard let link else { return }
            core.subscriptions[index].state = .cancelling
            link.output.cancel(consumer: Self.consumerTag(index), channel: core.number)
            core.replies.append(.cancel(index))
        }
    }

    // MARK: Bindings

    /// Changes bindings and waits for the broker. Returns the error, or `nil`.
    func rebind(
        _ id: AMQPConsumerID, adding added: [AMQPBinding], removing removed: [AMQPBinding], on channel: AMQPChannel
    ) async -> AMQPError? {
        guard let core = core(channel), core.subscriptions.indices.contains(id.index), core.subscriptions[id.index].isWanted
        else {
            return .notConnected("the consumer was stopped")
        }
        let queue = core.subscriptions[id.index].consumer.queue.name
        let isStarted = core.subscriptions[id.index].state != .idle
        for binding in removed where core.subscriptions[id.index].bindings.remove(binding) != nil && isStarted {
            link?.output.unbind(queue: queue, from: binding, channel: core.number)
            core.replies.append(.unbind)
            core.pendingBindings.recordRequest()
        }
        for binding in added where core.subscriptions[id.index].bindings.insert(binding).inserted && isStarted {
            link?.output.bind(queue: queue, to: binding, channel: core.number)
            core.replies.append(.bind)
            core.pendingBindings.recordRequest()
        }
        guard isStarted else { return core.lastError.forUnsentMessage }
        return await withCheckedContinuation { core.pendingBindings.wait($0) }
    }

    // MARK: The channel as a whole

    func waitUntilOpen(_ channel: AMQPChannel) async -> AMQPError? {
        let id = nextID()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { registerOpenWaiter(id, for: channel, $0) }
        } onCancel: {
            io.post { self.assumeIsolated { $0.cancelOpenWaiter(id) } }
        }
    }

    private func registerOpenWaiter(
        _ id: UInt64, for channel: AMQPChannel, _ continuation: CheckedContinuation<AMQPError?, Never>
    ) {
        if Task.isCancelled { return continuation.resume(returning: .cancelled(sent: false)) }
        guard let core = core(channel) else { return continuation.resume(returning: .notConnected("the channel was closed")) }
        if runState.stop != nil { return continuation.resume(returning: .notConnected("the connection is stopping")) }
        if core.phase == .open { return continuation.resume(returning: nil) }
        openWaiters[id] = (core, continuation)
    }

    private func cancelOpenWaiter(_ id: UInt64) {
        openWaiters.removeValue(forKey: id)?.continuation.resume(returning: .cancelled(sent: false))
    }

    func close(_ channel: AMQPChannel) {
        guard let core = core(channel), core.phase != .closing else { return }
        let wasUp = core.phase == .open || core.phase == .opening
        cancelRetries(core)
        // Send this turn's acknowledgements before closing.
        if let link { flushAcks(link) }
        invalidate(core, .notConnected("the channel was closed"), phase: .closing)
        if let link, wasUp { link.output.close(core.number, text: "closed") } else { finishClosing(core) }
    }

    /// Frees the channel's number.
    func finishClosing(_ core: ChannelCore) {
        let index = Int(core.number) - 1
        if channels[index] === core { channels[index] = nil }
        for (id, waiter) in openWaiters where waiter.core === core {
            openWaiters[id] = nil
            waiter.continuation.resume(returning: .notConnected("the channel was closed"))
        }
    }
}
