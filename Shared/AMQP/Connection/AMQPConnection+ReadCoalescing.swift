import Reactor

/// Delays the read of a lone publisher confirm, which would otherwise cost a wake-up per message.
///
/// Where the endpoint allows it, the kernel wakes the process only for longer input, and a timer reads the
/// rest.
extension AMQPConnection {
    /// The maximum delay of a publisher confirm.
    private static let confirmationReadDelay = Duration.milliseconds(1)
    /// The maximum delay of other short frames, such as heartbeats and the end of a consumer.
    private static let idleReadDelay = Duration.milliseconds(250)

    /// Updates the wake-up threshold at the turn's end, after all output is written.
    func coalesceReads(_ link: Link) {
        guard endpoint.confirmationsMayWait else { return }
        let isCoalescing = mayCoalesce(link)
        link.setCoalescing(isCoalescing)
        guard isCoalescing else { return }
        let isUnconfirmed = channels.contains { $0?.window?.isEmpty == false }
        if link.readTimer == nil || isUnconfirmed && !link.readsSoon { scheduleRead(link, soon: isUnconfirmed) }
    }

    /// Whether no short reply is expected and no frame is incomplete, so that short input can wait.
    private func mayCoalesce(_ link: Link) -> Bool {
        guard runState.stop == nil, blockedReason == nil, link.frames.isBetweenFrames else { return false }
        return channels.allSatisfy { core in
            guard let core else { return true }
            return core.phase == .open && core.replies.isEmpty && core.assembly.isIdle
        }
    }

    private func scheduleRead(_ link: Link, soon: Bool) {
        link.readTimer.map(io.cancel)
        link.readsSoon = soon
        link.readTimer = io.schedule(after: soon ? Self.confirmationReadDelay : Self.idleReadDelay) { [weak self] in
            self?.assumeIsolated { $0.readDelayed() }
        }
    }

    private func readDelayed() {
        link?.readTimer = nil
        read()
    }
}
