import Contracts
import Identity

/// Who is here, for those who want to know.
extension Hub {
    func isOnline(_ user: UserID) -> Bool { users[user]?.contains { entries[$0]?.port != nil } ?? false }

    func noteOnline(_ caller: Caller) {
        let user = caller.userID
        presence.assumeIsolated { desk in
            desk.came(user, caller.sessionID) { [weak self] text in self?.assumeIsolated { $0.show(text, toAllOf: user) } }
        }
    }

    func noteWhetherOnline(_ user: UserID) {
        if !isOnline(user) { presence.assumeIsolated { $0.left(user) } }
    }

    private func show(_ text: ServerFrame.Text, toAllOf user: UserID) {
        for id in users[user] ?? [] { show(text, to: id) }
    }
}
