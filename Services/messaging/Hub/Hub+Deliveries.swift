import Bus
import Contracts
import Foundation
import Edge
import Reactor

/// What services have for those who are connected here.
extension Hub {
    /// A delivery has come. What may not be shown now is missed, and everybody told so later.
    func deliver(_ delivery: Delivery) {
        outage.note(hasLease: ownership.hasLease(at: .now), at: .now)
        outage.note(knowsSessions: revocations.areFresh, at: .now)
        guard outage.mayShow else {
            order.interrupt()
            return outage.missed()
        }
        for item in delivery.items {
            if let presence = item.presence {
                heard(presence, item)
                continue
            }
            guard let place = item.message else {
                show(item)
                noteContact(item)
                continue
            }
            if item.recipients.contains(where: { users[$0] != nil }) {
                inOrder(item, place)
            } else {
                order.pass(place.seq, of: place.chatID, for: item.share)
            }
        }
    }

    private func show(_ item: Delivery.Item) {
        let text = Array(item.frame.utf8)
        for user in item.recipients {
            for id in users[user] ?? [] { show(text, to: id) }
        }
    }

    private func heard(_ news: Delivery.Presence, _ item: Delivery.Item) {
        let present = item.recipients.filter(isOnline)
        presence.assumeIsolated { $0.heard(news, present: present) }
        if news.kind == .news || news.kind == .newsAndQuestion { show(item) }
    }

    // MARK: Messages

    private func inOrder(_ item: Delivery.Item, _ place: Delivery.Place) {
        let age = Duration.milliseconds(Timestamp.now.millisecondsSinceEpoch - place.sentAt.millisecondsSinceEpoch)
        switch order.take(item, seq: place.seq, of: place.chatID, for: item.share, age: age, now: .now) {
        case .show(let items): for item in items { showMessage(item) }
        case .nothing: if order.isHolding { giveUpLater() }
        case .tellGap(let item):
            figures.noteDisorder()
            tellGap(to: item.recipients)
        }
    }

    private func showMessage(_ item: Delivery.Item) {
        guard let place = item.message else { return }
        let text = Array(item.frame.utf8)
        let key = OwnSends.Key(chatID: place.chatID, clientMessageID: place.clientMessageID)
        for user in item.recipients {
            for id in users[user] ?? [] {
                // Whoever sent it has its acknowledgement.
                if user == place.senderID, entries[id]?.line.ownSends.remove(key) == true { continue }
                show(text, to: id)
            }
        }
    }

    private func tellGap(to recipients: [UserID]) {
        for user in recipients {
            for id in users[user] ?? [] { tellGap(id) }
        }
    }

    private func giveUpLater() {
        if isWaitingToGiveUp { return }
        isWaitingToGiveUp = true
        io.schedule(after: ChatOrder<Delivery.Item>.patience) { [weak self] in self?.assumeIsolated { $0.giveUp() } }
    }

    private func giveUp() {
        isWaitingToGiveUp = false
        for items in order.giveUp(now: .now) {
            figures.noteDisorder()
            tellGap(to: Array(Set(items.flatMap(\.recipients))))
            for item in items { showMessage(item) }
        }
        if order.isHolding { giveUpLater() }
    }
}

extension Delivery.Item {
    /// The same for the same recipients, in whatever order.
    fileprivate var share: UInt64 {
        recipients.reduce(UInt64(recipients.count)) { sum, user in
            var mixed = UInt64(bitPattern: user.rawValue) &* 0x9E37_79B9_7F4A_7C15
            mixed = (mixed ^ (mixed >> 32)) &* 0xBF58_476D_1CE4_E5B9
            return sum &+ (mixed ^ (mixed >> 29))
        }
    }
}
