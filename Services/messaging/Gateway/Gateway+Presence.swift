import Contracts
import Edge

/// Who is here, for those who want to know.
extension Gateway {
    func isOnline(_ user: UserID) -> Bool { users[user]?.contains { entries[$0]?.port != nil } ?? false }

    func noteOnline(_ caller: Caller) {
        presence.assumeIsolated { $0.came(caller.userID, caller.sessionID) }
    }

    /// A socket or a line of the session is gone; perhaps it has others.
    func noteLost(_ user: UserID, _ session: SessionID) {
        if sessions[session]?.contains(where: { entries[$0]?.port != nil }) == true { return }
        presence.assumeIsolated { $0.left(user, session) }
    }

    /// What is told of contacts is told of their presence too.
    func noteContact(_ item: Delivery.Item) {
        guard let frame = ConnectionFrame(item.frame) else { return }
        for user in item.recipients {
            if isOnline(user) {
                presence.assumeIsolated { $0.contactChanged(user, frame.userID) }
            } else {
                // Nobody remembers what their devices show; whoever comes back anew is told who is there.
                for id in users[user] ?? [] { forget(id) }
            }
        }
    }

    /// Before anybody comes.
    func begin() {
        presence.assumeIsolated { desk in
            desk.begin { [weak self] user, text in self?.assumeIsolated { $0.show(text, toAllOf: user) } }
        }
    }

    /// Other instances have these partitions now.
    func changedHands(_ partitions: PartitionSet) {
        let count = ownership.partitionCount
        presence.assumeIsolated { $0.changedHands { partitions.contains(Partitioning.partition(of: $0, count: count)) } }
    }

    private func show(_ text: ServerFrame.Text, toAllOf user: UserID) {
        for id in users[user] ?? [] { show(text, to: id) }
    }
}
