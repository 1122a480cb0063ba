import Bus
import CBOR
import Contracts

/// What live connections are shown of chats, as clients get it: `type` first.
enum Frames {
    /// Around a message that is JSON already.
    static func message(_ message: Message, json: ArraySlice<UInt8>) -> String {
        var frame = Array(
            #"{"type":"message","chatId":"\#(message.chatID)","seq":\#(message.seq),"rev":\#(message.rev),"message":"#.utf8)
        frame.reserveCapacity(frame.count + json.count + 1)
        frame += json
        frame.append(UInt8(ascii: "}"))
        return String(decoding: frame, as: UTF8.self)
    }

    /// How far somebody has read, or has received.
    struct Receipt: Encodable {
        let type = "receipt"
        var chatID: ChatID
        var userID: UserID
        var readSeq: Int64?
        var deliveredSeq: Int64?

        enum CodingKeys: String, CodingKey {
            case type
            case chatID = "chatId"
            case userID = "userId"
            case readSeq, deliveredSeq
        }
    }

    struct Typing: Encodable {
        let type = "typing"
        var chatID: ChatID
        var userID: UserID

        enum CodingKeys: String, CodingKey {
            case type
            case chatID = "chatId"
            case userID = "userId"
        }
    }

    /// A chat, or who is in it, is another one now: `created`, `updated` (with the title), or what ``MemberChanged`` tells of a member.
    struct Change: Encodable {
        let type = "chat"
        var chatID: ChatID
        var rev: Int64
        var change: String
        var title: String?
        var memberID: UserID?
        var role: ChatRole?

        enum CodingKeys: String, CodingKey {
            case type
            case chatID = "chatId"
            case rev, change, title
            case memberID = "memberId"
            case role
        }
    }
}

extension Frames.Change {
    init(_ fact: ChatCreated) { self.init(chatID: fact.chatID, rev: fact.rev, change: "created", title: fact.title) }
    init(_ fact: ChatUpdated) { self.init(chatID: fact.chatID, rev: fact.rev, change: "updated", title: fact.title) }
    init(_ fact: MemberChanged) {
        self.init(
            chatID: fact.chatID, rev: fact.rev, change: fact.change.rawValue, memberID: fact.memberID, role: fact.role)
    }
}

extension Delivery.Item {
    /// - Throws: `EncodingError`, `DecodingError` for what JSON does not have.
    init(to recipients: [UserID], _ frame: some Encodable) throws {
        self.init(recipients: recipients, frame: String(decoding: try CBOREncoder.contracts.json(frame), as: UTF8.self))
    }
}
