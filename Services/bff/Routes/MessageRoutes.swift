import Bus
import Contracts
import HTTPTypes
import Hummingbird

/// Sending, and reading history.
struct MessageRoutes {
    let bus: any ProcedureCaller

    var endpoints: [Endpoint] {
        [
            .post("/v1/chats/{chatId}/messages", .signedIn, send),
            .get("/v1/chats/{chatId}/messages", .signedIn, history),
        ]
    }

    private struct NewMessage: Body {
        var clientMessageID: String
        var text: String
        var replyTo: Int64?
        static let fields: [BodyField] = [.required("clientMessageId"), .required("text"), .optional("replyTo", .integer)]

        enum CodingKeys: String, CodingKey {
            case text, replyTo
            case clientMessageID = "clientMessageId"
        }
    }

    private func send(_ call: Call) async throws -> Reply {
        let chatID: ChatID = try call.id("chatId")
        let body: NewMessage = try await call.body()
        let answer = try await bus.payload(
            of: SendMessage(
                senderID: try call.caller.userID, chatID: chatID,
                clientMessageID: ClientMessageID(rawValue: body.clientMessageID),
                text: body.text, replyTo: body.replyTo))
        let isRepeated = try CBORDecoder().decode(Repeated.self, from: answer).repeated
        return Reply(isRepeated ? .ok : .created, json: try CBORTranscoder.json(of: "message", in: answer))
    }

    /// What is looked at of the answer; the message itself is passed on.
    private struct Repeated: Decodable {
        let repeated: Bool
    }

    private func history(_ call: Call) async throws -> Reply {
        let chatID: ChatID = try call.id("chatId")
        let page = GetHistory(
            userID: try call.caller.userID, chatID: chatID, position: try position(call), limit: try call.limit())
        return try await bus.relay(page)
    }

    /// At most one of the four ways to say where.
    private func position(_ call: Call) throws -> GetHistory.Position {
        var positions: [GetHistory.Position] = []
        if let seq = try call.number("before") { positions.append(.before(seq: seq)) }
        if let seq = try call.number("after") { positions.append(.after(seq: seq)) }
        if let rev = try call.number("changedAfter") { positions.append(.changedAfter(rev: rev)) }
        // A zone's + that was not encoded has become a space.
        if let at = try call.query("at")?.replacing(" ", with: "+") {
            guard let time = Timestamp(at) else { throw Problem.invalid("at", "must be a time as in RFC 3339") }
            positions.append(.at(time: time))
        }
        guard positions.count <= 1 else { throw Problem.invalid("before", "give at most one of before, after, at, changedAfter") }
        return positions.first ?? .newest
    }
}
