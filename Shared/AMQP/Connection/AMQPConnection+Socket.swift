import CRabbitMQ
import Logging
import Reactor

extension AMQPConnection: IOSource {
    package nonisolated func beforeWait() -> IOInterest? { assumeIsolated { $0.flush() } }

    package nonisolated func ready(_ readiness: IOReadiness) {
        assumeIsolated { connection in
            // Output is written at the turn's end; a failed socket shows itself on reading.
            if readiness.contains(.read) || readiness.contains(.failed) { connection.read() }
        }
    }

    /// Queues the acknowledgements of the turn, then writes to the socket.
    private func flush() -> IOInterest? {
        guard let link else { return nil }
        flushAcks(link)
        guard link.output.count > 0 else {
            coalesceReads(link)
            return IOInterest(descriptor: link.descriptor, write: false)
        }
        let flushed = link.output.flush(to: link.descriptor)
        if case .failed(let errno) = flushed {
            disconnect(.unconfirmed(String(errno: errno)))
            return nil
        }
        for case let core? in channels where !core.waiting.isEmpty { sendWaiting(core, link) }
        if runState.stop != nil { runState.resumeSleeper() }
        coalesceReads(link)
        return IOInterest(descriptor: link.descriptor, write: link.output.count > 0)
    }

    /// Writes output before the turn's end, which also handles errors of the socket.
    func writeNow() {
        guard let link else { return }
        _ = link.output.flush(to: link.descriptor)
    }

    func flushAcks(_ link: Link) {
        if unflushed.isEmpty { return }
        for core in unflushed where core.phase == .open || core.phase == .opening {
            core.acks.flush { link.output.ack($0.tag, multiple: $0.multiple, channel: core.number) }
        }
        unflushed.removeAll(keepingCapacity: true)
    }

    /// Reads up to four buffers, so that one busy socket does not starve the others.
    func read() {
        for _ in 0..<4 {
            guard let link else { return }
            switch link.receive() {
            case .none: return
            case .failed(let reason): return disconnect(.unconfirmed(reason))
            case .bytes(let bytes):
                if let error = link.parse(bytes, { receive($0, link) }), self.link === link { return disconnect(error) }
                // The socket is empty: another read would cost a system call in every turn.
                if bytes.count < Link.bufferSize { return }
            }
        }
    }

    /// Processes a frame. Returns whether the connection is still up.
    func receive(_ frame: amqp_frame_t, _ link: Link) -> Bool {
        let violation: String?
        switch frame.frame_type {
        case FrameKind.method where frame.channel == 0: violation = connectionMethod(frame.payload.method, link)
        case FrameKind.heartbeat: violation = nil
        default: violation = channelFrame(frame, link)
        }
        if let violation, self.link === link { disconnect(.unconfirmed("the broker violated the protocol: \(violation)")) }
        return self.link === link
    }

    private func connectionMethod(_ method: amqp_method_t, _ link: Link) -> String? {
        guard let decoded = method.decoded else { return "a method without arguments" }
        switch MethodID(rawValue: method.id) {
        case .connectionClose:
            let close = decoded.assumingMemoryBound(to: amqp_connection_close_t.self).pointee
            let text = "the broker closed the connection: \(close.reply_code) \(String(close.reply_text))"
            link.output.method(.connectionCloseOk, channel: 0)
            _ = link.output.flush(to: link.descriptor)
            disconnect(.unconfirmed(text))
        case .connectionCloseOk: disconnect(.notConnected("the connection has stopped"))
        case .connectionBlocked:
            block(String(decoded.assumingMemoryBound(to: amqp_connection_blocked_t.self).pointee.reason))
        case .connectionUnblocked: unblock()
        default: return "an unexpected method \(method.id) on channel 0"
        }
        return nil
    }

    private func block(_ reason: String) {
        logger.warning("publishing blocked by the broker", metadata: ["reason": "\(reason)"])
        blockedReason = reason
        for case let core? in channels { failWaiting(core, .blocked(reason)) }
        notify(.blocked(reason))
    }

    private func unblock() {
        guard blockedReason != nil else { return }
        logger.info("publishing unblocked by the broker")
        blockedReason = nil
        notify(.unblocked)
    }
}
