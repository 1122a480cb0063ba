import CRabbitMQ
import Logging
import Reactor

extension AMQPConnection: IOSource {
    package nonisolated func beforeWait() -> IOInterest? { assumeIsolated { $0.flush() } }

    package nonisolated func ready(_ readiness: IOReadiness) {
        assumeIsolated { connection in
            // Writing happens at the turn's end, and a failure shows itself when reading.
            if readiness.contains(.read) || readiness.contains(.failed) { connection.read() }
        }
    }

    /// Tells what was acknowledged, then writes what the socket takes.
    private func flush() -> IOInterest? {
        guard let link else { return nil }
        flushAcks(link)
        guard link.output.count > 0 else {
            adjustPatience(link)
            return IOInterest(descriptor: link.descriptor, write: false)
        }
        let flushed = link.output.flush(to: link.descriptor)
        if case .failed(let errno) = flushed {
            lose(.unconfirmed(String(errno: errno)))
            return nil
        }
        for case let core? in channels where !core.waiting.isEmpty { admit(core, link) }
        if life.stop != nil { life.wakeUp() }
        adjustPatience(link)
        return IOInterest(descriptor: link.descriptor, write: link.output.count > 0)
    }

    /// Before the turn's end, which also finds out what became of the socket.
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

    /// A few buffers at a time, so that one busy socket does not hold up the others.
    func read() {
        for _ in 0..<4 {
            guard let link else { return }
            switch link.receive() {
            case .none: return
            case .failed(let reason): return lose(.unconfirmed(reason))
            case .bytes(let bytes):
                if let error = link.parse(bytes, { receive($0, link) }), self.link === link { return lose(error) }
                // The socket had no more: asking it again would cost a system call in every turn.
                if bytes.count < Link.bufferSize { return }
            }
        }
    }

    /// Whether the connection is still up after it.
    func receive(_ frame: amqp_frame_t, _ link: Link) -> Bool {
        let violation: String?
        switch frame.frame_type {
        case FrameKind.method where frame.channel == 0: violation = connectionMethod(frame.payload.method, link)
        case FrameKind.heartbeat: violation = nil
        default: violation = channelFrame(frame, link)
        }
        if let violation, self.link === link { lose(.unconfirmed("the broker broke the protocol: \(violation)")) }
        return self.link === link
    }

    private func connectionMethod(_ method: amqp_method_t, _ link: Link) -> String? {
        guard let decoded = method.decoded else { return "a method without content" }
        switch MethodID(rawValue: method.id) {
        case .connectionClose:
            let close = decoded.assumingMemoryBound(to: amqp_connection_close_t.self).pointee
            let text = "the broker closed the connection: \(close.reply_code) \(String(close.reply_text))"
            link.output.method(.connectionCloseOk, channel: 0)
            _ = link.output.flush(to: link.descriptor)
            lose(.unconfirmed(text))
        case .connectionCloseOk: lose(.notConnected("the connection has stopped"))
        case .connectionBlocked:
            block(String(decoded.assumingMemoryBound(to: amqp_connection_blocked_t.self).pointee.reason))
        case .connectionUnblocked: unblock()
        default: return "method \(method.id) on channel 0"
        }
        return nil
    }

    private func block(_ reason: String) {
        logger.warning("the broker blocks publishing", metadata: ["reason": "\(reason)"])
        blockedReason = reason
        for case let core? in channels { refuseWaiting(core, .blocked(reason)) }
        notify(.blocked(reason))
    }

    private func unblock() {
        guard blockedReason != nil else { return }
        logger.info("the broker takes messages again")
        blockedReason = nil
        notify(.unblocked)
    }
}
