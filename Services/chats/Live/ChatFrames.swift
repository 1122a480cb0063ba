import Bus
import CBOR
import Contracts

/// The WebSocket frames that chats sends to clients, as JSON with `type` first.
enum ChatFrames {
    /// Returns the `message` frame.
    ///
    /// - Parameter json: the message as encoded JSON.
    static func message(_ message: Message, json: ArraySlice<UInt8>) -> String {
        var frame = Array(
            #"{"type":"message","chatId":"\#(message.chatID)","seq":\#(message.seq),"rev":\#(message.rev),"message":"#.utf8)
        frame.reserveCapacity(frame.count + json.count + 1)
        frame += json
        frame.append(UInt8(ascii: "}"))
        return String(decoding: frame, as: UTF8.self)
    }

    /// A member's read marker or delivered marker has moved.
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

    /// A member is typing.
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

    /// A chat or its members have changed: `created`, `updated` (with the title), or a change of
    /// ``MemberChanged``.
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

extension ChatFrames.Change {
    init(_ event: ChatCreated) { self.init(chatID: event.chatID, rev: event.rev, change: "created", title: event.title) }
    init(_ event: ChatUpdated) { self.init(chatID: event.chatID, rev: event.rev, change: "updated", title: event.title) }
    init(_ event: MemberChanged) {
        self.init(
            chatID: event.chatID, rev: event.rev, change: event.change.rawValue, memberID: event.memberID, role: event.role)
    }
}

extension Delivery.Item {
    /// - Throws: `EncodingError` or `DecodingError` for values that JSON cannot represent.
    init(to recipients: [UserID], _ frame: some Encodable) throws {
        self.init(recipients: recipients, frame: String(decoding: try CBOREncoder.contracts.json(frame), as: UTF8.self))
    }
}
