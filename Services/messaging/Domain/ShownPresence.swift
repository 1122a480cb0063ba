import Contracts

/// Who was shown to whom as being there, so that it can be taken back when whoever would say so has died. Bounded: what does not fit is not taken back.
struct ShownPresence: Sendable {
    static let capacity = 500_000

    /// The contacts, by who sees them.
    private var contacts: [UserID: Set<UserID>] = [:]
    private var count = 0

    mutating func note(_ contact: UserID, online: Bool, to watchers: [UserID]) {
        for watcher in watchers where watcher != contact {
            if !online {
                if contacts[watcher]?.remove(contact) != nil { count -= 1 }
            } else if count < Self.capacity, contacts[watcher, default: []].insert(contact).inserted {
                count += 1
            }
        }
    }

    func isShown(_ contact: UserID, to watcher: UserID) -> Bool { contacts[watcher]?.contains(contact) ?? false }

    /// Whoever is not here is shown nothing.
    mutating func forget(_ watcher: UserID) { count -= contacts.removeValue(forKey: watcher)?.count ?? 0 }

    /// Those of the contacts that are asked for, by who sees them.
    func seen(where isMeant: (UserID) -> Bool) -> [UserID: Set<UserID>] {
        contacts.mapValues { $0.filter(isMeant) }.filter { !$0.value.isEmpty }
    }
}
