import Contracts
import Foundation

/// A frame from a client: one JSON object. Unknown fields and unknown types are ignored.
enum ClientFrame: Hashable, Sendable {
    case send(SendFrame)
    case read(chatID: ChatID, seq: Int64)
    case delivered(chatID: ChatID, seq: Int64)
    case typing(chatID: ChatID)
    case ping
    case unknown

    /// The values of `type` on the wire.
    enum Kind: String, CaseIterable {
        case send, read, delivered, typing, ping
    }
}

/// A request to send a message. The answer repeats its `ref`.
struct SendFrame: Hashable, Sendable {
    let ref: FrameRef
    let chatID: ChatID
    let clientMessageID: ClientMessageID
    let text: String
    let replyTo: Int64?
}

/// The client's name for a request: a text of at most 64 characters, or an integer. Returned unchanged.
enum FrameRef: Hashable, Sendable, Decodable {
    case text(String)
    case number(Int64)

    static let maximumLength = 64

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Int64.self) {
            self = .number(number)
        } else {
            let text = try container.decode(String.self)
            guard text.unicodeScalars.count <= Self.maximumLength else {
                throw DecodingError.dataCorruptedError(
                    in: container, debugDescription: "must have at most \(Self.maximumLength) characters")
            }
            self = .text(text)
        }
    }
}

/// The reason why a frame was not processed, for the client.
struct BadFrame: Error, Hashable {
    let ref: FrameRef?
    /// `malformed`, or `invalid` for a field.
    let code: String
    let message: String
}

extension ClientFrame {
    /// - Throws: ``BadFrame``.
    init(_ text: some Sequence<UInt8>) throws(BadFrame) {
        let data = Data(text)
        let decoder = JSONDecoder()
        do { self = try decoder.decode(Whole.self, from: data).frame } catch {
            guard (try? decoder.decode(Tag.self, from: data)) != nil else {
                throw BadFrame(ref: nil, code: "malformed", message: "A frame is a JSON object with a type, which is a string.")
            }
            throw BadFrame(error, ref: (try? decoder.decode(Reference.self, from: data))?.ref)
        }
    }

    private static func read(_ type: String, _ decoder: any Decoder) throws -> ClientFrame {
        switch Kind(rawValue: type) {
        case .send:
            let body = try Send(from: decoder)
            return .send(
                SendFrame(
                    ref: body.ref, chatID: body.chatId, clientMessageID: ClientMessageID(rawValue: body.clientMessageId),
                    text: body.text, replyTo: body.replyTo))
        case .read:
            let body = try Marker(from: decoder)
            return .read(chatID: body.chatId, seq: body.seq)
        case .delivered:
            let body = try Marker(from: decoder)
            return .delivered(chatID: body.chatId, seq: body.seq)
        case .typing: return .typing(chatID: try Place(from: decoder).chatId)
        case .ping: return .ping
        case nil: return .unknown
        }
    }

    // MARK: The wire format

    /// Any frame, so that the JSON is parsed once.
    private struct Whole: Decodable {
        let frame: ClientFrame

        init(from decoder: any Decoder) throws { frame = try ClientFrame.read(Tag(from: decoder).type, decoder) }
    }

    private struct Tag: Decodable { let type: String }
    private struct Reference: Decodable { let ref: FrameRef? }

    private struct Send: Decodable {
        let ref: FrameRef
        let chatId: ChatID
        let clientMessageId: String
        let text: String
        let replyTo: Int64?
    }

    private struct Marker: Decodable {
        let chatId: ChatID
        let seq: Int64
    }

    private struct Place: Decodable { let chatId: ChatID }
}

extension BadFrame {
    /// Describes what to change, by field.
    fileprivate init(_ error: any Error, ref: FrameRef?) {
        let (field, what): (String, String) =
            switch error as? DecodingError {
            case .keyNotFound(let key, _): (key.stringValue, "is required")
            case .valueNotFound(_, let context): (Self.field(context), "is required")
            case .typeMismatch(let type, let context): (Self.field(context), "must be \(Self.name(of: type))")
            case .dataCorrupted(let context) where !context.codingPath.isEmpty: (Self.field(context), context.debugDescription)
            default: ("", "cannot be read")
            }
        self.init(ref: ref, code: "invalid", message: field.isEmpty ? "The frame cannot be read." : "\(field): \(what)")
    }

    private static func field(_ context: DecodingError.Context) -> String { context.codingPath.first?.stringValue ?? "" }

    private static func name(of type: any Any.Type) -> String {
        switch type {
        case is Int64.Type: "a whole number"
        default: "a string"
        }
    }
}
