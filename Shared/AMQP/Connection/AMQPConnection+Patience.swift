import Reactor

/// A confirmation that comes alone, as it does shortly before an answer, would wake the process for nothing, once for every message. Where the endpoint
/// allows it, the kernel wakes us for more than that only, and we look by ourselves a little later.
extension AMQPConnection {
    /// How long after a message a confirmation, or a refusal, is read at the latest.
    private static let patience = Duration.milliseconds(1)
    /// The same for whatever else is as short: heartbeats, the end of a consumer.
    private static let longPatience = Duration.milliseconds(250)

    /// At the turn's end, when everything has been written.
    func adjustPatience(_ link: Link) {
        guard endpoint.confirmationsMayWait else { return }
        let isPatient = awaitsNothingShort(link)
        link.setPatience(isPatient)
        guard isPatient else { return }
        let isUnconfirmed = channels.contains { $0?.window?.isEmpty == false }
        if link.look == nil || isUnconfirmed && !link.looksSoon { scheduleLook(link, soon: isUnconfirmed) }
    }

    /// Short answers to questions, and the last bytes of something long, must wake us.
    private func awaitsNothingShort(_ link: Link) -> Bool {
        guard life.stop == nil, blockedReason == nil, link.frames.isBetweenFrames else { return false }
        return channels.allSatisfy { core in
            guard let core else { return true }
            return core.phase == .open && core.replies.isEmpty && core.assembly.isIdle
        }
    }

    private func scheduleLook(_ link: Link, soon: Bool) {
        link.look.map(io.cancel)
        link.looksSoon = soon
        link.look = io.schedule(after: soon ? Self.patience : Self.longPatience) { [weak self] in
            self?.assumeIsolated { $0.look() }
        }
    }

    private func look() {
        link?.look = nil
        read()
    }
}
