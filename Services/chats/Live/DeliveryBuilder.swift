import Bus
import CBOR
import Contracts

/// Turns events of chats into frames for live connections.
struct DeliveryBuilder: Sendable {
    static let types: [any Event.Type] = [
        MessagesSent.self, ReadMoved.self, ChatCreated.self, ChatUpdated.self, MemberChanged.self,
    ]

    let audiences: AudienceCache

    /// Returns frames and recipients in the order of the events. Leaves out events that cannot be decoded.
    ///
    /// - Throws: if the members of the chats cannot be read.
    func delivery(of events: [OutboxEvent]) async throws -> Delivery {
        let events = events.compactMap(DeliverableEvent.init)
        let chats = Dictionary(events.flatMap(\.requiredAudiences), uniquingKeysWith: max)
        let audiences = try await audiences.audiences(of: chats)
        return Delivery(items: try events.flatMap { try $0.items(audiences) })
    }
}

/// An event that live connections receive as frames.
private enum DeliverableEvent {
    /// The messages, and each of them as JSON.
    case sent([Message], [ArraySlice<UInt8>])
    case read(ReadMoved)
    case created(ChatCreated)
    case updated(ChatUpdated)
    case member(MemberChanged)

    init?(_ event: OutboxEvent) {
        if let sent = event.decoded(as: MessagesSent.self) {
            let json = JSONElements.ranges(in: event.data).map { event.data[$0] }
            guard json.count == sent.messages.count else { return nil }
            self = .sent(sent.messages, json)
        } else if let read = event.decoded(as: ReadMoved.self) {
            self = .read(read)
        } else if let created = event.decoded(as: ChatCreated.self) {
            self = .created(created)
        } else if let updated = event.decoded(as: ChatUpdated.self) {
            self = .updated(updated)
        } else if let member = event.decoded(as: MemberChanged.self) {
            self = .member(member)
        } else {
            return nil
        }
    }

    /// The chats whose members must be known, each with the number of members above which they need not be.
    var requiredAudiences: [(ChatID, Int)] {
        switch self {
        case .sent(let messages, _): messages.map { ($0.chatID, .max) }
        case .read(let event): [(event.chatID, Audience.receiptLimit)]
        // The event names the members.
        case .created: []
        case .updated(let event): [(event.chatID, .max)]
        case .member(let event): [(event.chatID, .max)]
        }
    }

    func items(_ audiences: [ChatID: Audience]) throws -> [Delivery.Item] {
        switch self {
        case .sent(let messages, let json):
            zip(messages, json).compactMap { message, json in
                audiences[message.chatID].map {
                    Delivery.Item(to: $0.recipients(ofMessage: message.seq), message, json: json)
                }
            }
        case .read(let event):
            [
                try Delivery.Item(
                    to: audiences[event.chatID]?.recipients(ofReadMarkerFrom: event.userID) ?? [event.userID],
                    ChatFrames.Receipt(chatID: event.chatID, userID: event.userID, readSeq: event.readSeq))
            ]
        case .created(let event): [try Delivery.Item(to: event.members, ChatFrames.Change(event))]
        case .updated(let event):
            [try Delivery.Item(to: audiences[event.chatID]?.members ?? [], ChatFrames.Change(event))]
        case .member(let event): [try Delivery.Item(to: Self.recipients(of: event, audiences), ChatFrames.Change(event))]
        }
    }

    /// Returns the members, and a removed member too.
    private static func recipients(of event: MemberChanged, _ audiences: [ChatID: Audience]) -> [UserID] {
        let members = audiences[event.chatID]?.members ?? []
        return members.contains(event.memberID) ? members : members + [event.memberID]
    }
}

extension Delivery.Item {
    fileprivate init(to recipients: [UserID], _ message: Message, json: ArraySlice<UInt8>) {
        self.init(
            recipients: recipients, frame: ChatFrames.message(message, json: json),
            message: Delivery.Place(
                chatID: message.chatID, seq: message.seq, senderID: message.senderID, clientMessageID: message.clientMessageID,
                sentAt: message.sentAt))
    }
}
