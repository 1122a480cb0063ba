import Bus
import CBOR
import Contracts

/// What live connections are shown of the facts of users: connections to both, each as seen from their own side; blocks to the one who blocks alone.
enum LiveContacts {
    static let types: [any Event.Type] = [ConnectionChanged.self, BlockChanged.self]

    /// What cannot be read is left out.
    static func delivery(of events: [OutboxEvent]) throws -> Delivery {
        Delivery(
            items: try events.flatMap { event in
                if let fact = event.decoded(as: ConnectionChanged.self) { return try items(fact) }
                if let fact = event.decoded(as: BlockChanged.self) { return [try item(fact)] }
                return []
            })
    }

    private static func items(_ fact: ConnectionChanged) throws -> [Delivery.Item] {
        [
            try Delivery.Item(
                to: fact.userID, ConnectionFrame(userID: fact.otherID, status: fact.status, rev: fact.rev)),
            try Delivery.Item(
                to: fact.otherID, ConnectionFrame(userID: fact.userID, status: fact.status?.fromTheOtherSide, rev: fact.rev)),
        ]
    }

    private static func item(_ fact: BlockChanged) throws -> Delivery.Item {
        try Delivery.Item(to: fact.userID, BlockFrame(userID: fact.otherID, blocked: fact.blocked, rev: fact.rev))
    }
}

private struct ConnectionFrame: Encodable {
    let type = "connection"
    /// The other one.
    var userID: UserID
    var status: Connection.Status?
    var rev: Int64

    enum CodingKeys: String, CodingKey {
        case type
        case userID = "userId"
        case status, rev
    }
}

private struct BlockFrame: Encodable {
    let type = "block"
    var userID: UserID
    var blocked: Bool
    var rev: Int64

    enum CodingKeys: String, CodingKey {
        case type
        case userID = "userId"
        case blocked, rev
    }
}

extension Connection.Status {
    fileprivate var fromTheOtherSide: Connection.Status {
        switch self {
        case .sent: .received
        case .received: .sent
        default: self
        }
    }
}

extension Delivery.Item {
    fileprivate init(to user: UserID, _ frame: some Encodable) throws {
        self.init(recipients: [user], frame: String(decoding: try CBOREncoder.contracts.json(frame), as: UTF8.self))
    }
}
