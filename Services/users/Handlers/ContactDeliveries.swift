import Bus
import CBOR
import Contracts

/// Builds the frames that announce changes of contacts and blocks to live connections.
///
/// Both users get a change of their contact, each from their own side. Only the blocking user gets a change
/// of a block.
enum ContactDeliveries {
    static let types: [any Event.Type] = [ContactChanged.self, BlockChanged.self]

    /// Leaves out events of other types.
    static func delivery(of events: [OutboxEvent]) throws -> Delivery {
        Delivery(
            items: try events.flatMap { event in
                if let changed = event.decoded(as: ContactChanged.self) { return try items(changed) }
                if let changed = event.decoded(as: BlockChanged.self) { return [try item(changed)] }
                return []
            })
    }

    private static func items(_ event: ContactChanged) throws -> [Delivery.Item] {
        [
            try Delivery.Item(
                to: event.userID, ContactFrame(userID: event.otherID, status: event.status, rev: event.rev)),
            try Delivery.Item(
                to: event.otherID,
                ContactFrame(userID: event.userID, status: event.status?.fromTheOtherSide, rev: event.rev)),
        ]
    }

    private static func item(_ event: BlockChanged) throws -> Delivery.Item {
        try Delivery.Item(to: event.userID, BlockFrame(userID: event.otherID, blocked: event.blocked, rev: event.rev))
    }
}

private struct ContactFrame: Encodable {
    let type = "connection"
    /// The other user.
    var userID: UserID
    var status: Contact.Status?
    var rev: Int64

    enum CodingKeys: String, CodingKey {
        case type
        case userID = "userId"
        case status, rev
    }
}

private struct BlockFrame: Encodable {
    let type = "block"
    /// The blocked user.
    var userID: UserID
    var blocked: Bool
    var rev: Int64

    enum CodingKeys: String, CodingKey {
        case type
        case userID = "userId"
        case blocked, rev
    }
}

extension Contact.Status {
    fileprivate var fromTheOtherSide: Contact.Status {
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
