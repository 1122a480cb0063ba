import Contracts

/// Frames that services deliver to the clients that are connected here.
extension GatewayState {
    /// Sends the frames of a delivery. While an outage lasts they are dropped, and clients are sent `gap`
    /// after it.
    mutating func deliver(_ delivery: Delivery, given inputs: some GatewayInputs) {
        recordPrerequisites(given: inputs)
        guard outage.allowsDelivery else {
            sequencer.interrupt()
            return outage.recordDroppedDelivery(at: inputs.now)
        }
        let wallClock = inputs.wallClock
        for item in delivery.items {
            if let presence = item.presence {
                deliver(item, presence: presence, given: inputs)
            } else if let place = item.message {
                deliver(item, place: place, wallClock: wallClock, given: inputs)
            } else {
                send(item, given: inputs)
                applyContactChange(item)
            }
        }
    }

    private mutating func send(_ item: Delivery.Item, given inputs: some GatewayInputs) {
        let text = Array(item.frame.utf8)
        for user in item.recipients { send(text, toAllOf: user, given: inputs) }
    }

    private mutating func sendGap(to recipients: [UserID], given inputs: some GatewayInputs) {
        for user in recipients {
            for id in sessions.ids(of: user) { sendGap(to: id, given: inputs) }
        }
    }

    // MARK: Presence and contacts

    private mutating func deliver(
        _ item: Delivery.Item, presence: Delivery.Presence, given inputs: some GatewayInputs
    ) {
        let online = item.recipients.filter { isOnline($0) }
        emit(.changePresence(.received(presence, online: online)))
        if presence.kind == .news || presence.kind == .newsAndQuestion { send(item, given: inputs) }
    }

    /// A frame about a contact concerns its presence too.
    private mutating func applyContactChange(_ item: Delivery.Item) {
        guard let frame = ConnectionFrame(item.frame) else { return }
        for user in item.recipients {
            if isOnline(user) {
                emit(.changePresence(.contactChanged(user, other: frame.userID)))
            } else {
                // What the devices show is unknown. A client that reconnects without its session gets the
                // presence of its contacts.
                for id in sessions.ids(of: user) { remove(id) }
            }
        }
    }

    // MARK: Messages

    private mutating func deliver(
        _ item: Delivery.Item, place: Delivery.Place, wallClock: Timestamp, given inputs: some GatewayInputs
    ) {
        let recipients = item.recipientsHash
        guard item.recipients.contains(where: { sessions.hasSessions(of: $0) }) else {
            return sequencer.skip(place.seq, of: place.chatID, recipients: recipients)
        }
        let (age, isAbsurd) = wallClock.millisecondsSinceEpoch.subtractingReportingOverflow(
            place.sentAt.millisecondsSinceEpoch)
        switch sequencer.apply(
            item, seq: place.seq, of: place.chatID, recipients: recipients, age: .milliseconds(isAbsurd ? 0 : age),
            now: inputs.now)
        {
        case .deliver(let items): for item in items { sendMessage(item, given: inputs) }
        case .nothing: if sequencer.isHolding { scheduleRelease() }
        case .sendGap(let item):
            emit(.record(.messageOutOfOrder))
            sendGap(to: item.recipients, given: inputs)
        }
    }

    private mutating func sendMessage(_ item: Delivery.Item, given inputs: some GatewayInputs) {
        guard let place = item.message else { return }
        let text = Array(item.frame.utf8)
        for user in item.recipients {
            for id in sessions.ids(of: user) {
                if user == place.senderID, isEcho(place, id) { continue }
                send(text, to: id, given: inputs)
            }
        }
    }

    /// Whether the connection has sent the message itself: it gets the acknowledgement instead.
    private mutating func isEcho(_ place: Delivery.Place, _ id: ClientSession.ID) -> Bool {
        sessions[id]?.echoes.remove(.init(chatID: place.chatID, clientMessageID: place.clientMessageID)) == true
    }

    private mutating func scheduleRelease() {
        if isReleaseScheduled { return }
        isReleaseScheduled = true
        emit(.scheduleRelease)
    }

    /// Sends messages that have waited long enough for those before them, after a `gap`.
    mutating func releaseHeldMessages(given inputs: some GatewayInputs) {
        isReleaseScheduled = false
        for items in sequencer.expire(now: inputs.now) {
            emit(.record(.messageOutOfOrder))
            var notified: Set<UserID> = []
            for user in items.lazy.flatMap(\.recipients) where notified.insert(user).inserted {
                sendGap(to: [user], given: inputs)
            }
            for item in items { sendMessage(item, given: inputs) }
        }
        if sequencer.isHolding { scheduleRelease() }
    }
}

extension Delivery.Item {
    /// The same for the same recipients, whatever their order.
    fileprivate var recipientsHash: UInt64 {
        recipients.reduce(UInt64(recipients.count)) { sum, user in
            var mixed = UInt64(bitPattern: user.rawValue) &* 0x9E37_79B9_7F4A_7C15
            mixed = (mixed ^ (mixed >> 32)) &* 0xBF58_476D_1CE4_E5B9
            return sum &+ (mixed ^ (mixed >> 29))
        }
    }
}
