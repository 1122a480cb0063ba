import Bus
import CBOR
import Contracts

/// What live connections are shown of the facts of chats.
struct LiveFacts: Sendable {
    static let types: [any Event.Type] = [
        MessagesSent.self, ReadMoved.self, ChatCreated.self, ChatUpdated.self, MemberChanged.self,
    ]

    let audiences: Audiences

    /// Frames and recipients, in the order of the events. What cannot be read is left out.
    ///
    /// - Throws: when it is not known who is in the chats.
    func delivery(of events: [OutboxEvent]) async throws -> Delivery {
        let facts = events.compactMap(Fact.init)
        let chats = Dictionary(facts.flatMap(\.chats), uniquingKeysWith: max)
        let audiences = try await audiences.of(chats)
        return Delivery(items: try facts.flatMap { try $0.items(audiences) })
    }
}

/// A fact that is shown.
private enum Fact {
    /// With each message as JSON.
    case sent([Message], [ArraySlice<UInt8>])
    case read(ReadMoved)
    case created(ChatCreated)
    case updated(ChatUpdated)
    case member(MemberChanged)

    init?(_ event: OutboxEvent) {
        if let fact = event.decoded(as: MessagesSent.self) {
            let texts = JSONElements.ranges(in: event.data).map { event.data[$0] }
            guard texts.count == fact.messages.count else { return nil }
            self = .sent(fact.messages, texts)
        } else if let fact = event.decoded(as: ReadMoved.self) {
            self = .read(fact)
        } else if let fact = event.decoded(as: ChatCreated.self) {
            self = .created(fact)
        } else if let fact = event.decoded(as: ChatUpdated.self) {
            self = .updated(fact)
        } else if let fact = event.decoded(as: MemberChanged.self) {
            self = .member(fact)
        } else {
            return nil
        }
    }

    /// Those whose members are to be known, unless they have more than so many.
    var chats: [(ChatID, Int)] {
        switch self {
        case .sent(let messages, _): messages.map { ($0.chatID, .max) }
        case .read(let fact): [(fact.chatID, Audience.mostForReceipts)]
        // It says itself who is in it.
        case .created: []
        case .updated(let fact): [(fact.chatID, .max)]
        case .member(let fact): [(fact.chatID, .max)]
        }
    }

    func items(_ audiences: [ChatID: Audience]) throws -> [Delivery.Item] {
        switch self {
        case .sent(let messages, let texts):
            zip(messages, texts).compactMap { message, json in
                audiences[message.chatID].map { Delivery.Item(to: $0.whoSee(message.seq), message, json: json) }
            }
        case .read(let fact):
            [
                try Delivery.Item(
                    to: audiences[fact.chatID]?.readersOfReceipt(from: fact.userID) ?? [fact.userID],
                    Frames.Receipt(chatID: fact.chatID, userID: fact.userID, readSeq: fact.readSeq))
            ]
        case .created(let fact): [try Delivery.Item(to: fact.members, Frames.Change(fact))]
        case .updated(let fact): [try Delivery.Item(to: audiences[fact.chatID]?.everybody ?? [], Frames.Change(fact))]
        case .member(let fact): [try Delivery.Item(to: Self.readers(of: fact, audiences), Frames.Change(fact))]
        }
    }

    /// Who was removed hears of it too.
    private static func readers(of fact: MemberChanged, _ audiences: [ChatID: Audience]) -> [UserID] {
        let members = audiences[fact.chatID]?.everybody ?? []
        return members.contains(fact.memberID) ? members : members + [fact.memberID]
    }
}

extension Delivery.Item {
    fileprivate init(to recipients: [UserID], _ message: Message, json: ArraySlice<UInt8>) {
        self.init(
            recipients: recipients, frame: Frames.message(message, json: json),
            message: Delivery.Place(
                chatID: message.chatID, seq: message.seq, senderID: message.senderID, clientMessageID: message.clientMessageID,
                sentAt: message.sentAt))
    }
}
