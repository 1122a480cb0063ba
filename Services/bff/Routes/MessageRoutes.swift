import Bus
import CBOR
import Contracts
import HTTPTypes
import Hummingbird
import Edge

/// Sending, and reading history.
struct MessageRoutes {
    let bus: any ProcedureCaller
    private let pages = KnownPages()

    init(bus: any ProcedureCaller) { self.bus = bus }

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
        let isRepeated = try CBORDecoder.contracts.decode(Repeated.self, from: answer).repeated
        return Reply(isRepeated ? .ok : .created, json: try CBORTranscoder.json(of: "message", in: answer))
    }

    /// What is looked at of the answer; the message itself is passed on.
    private struct Repeated: Decodable {
        let repeated: Bool
    }

    private func history(_ call: Call) async throws -> Reply {
        let place = KnownPages.Place(
            chatID: try call.id("chatId"), position: try position(call), limit: try call.limit())
        return try await page(at: place, for: try call.caller.userID, clientHas: Self.tag(call)).unchanged(for: call)
    }

    /// Asks for the page, or whether the one that is kept here, or by the client, still is the page.
    private func page(at place: KnownPages.Place, for user: UserID, clientHas: PageTag?) async throws -> Reply {
        let kept = pages[place]
        let known = kept?.tag ?? clientHas ?? .none
        let answer = try await bus.payload(
            of: GetHistory(userID: user, chatID: place.chatID, position: place.position, limit: place.limit, known: known))
        let about = try CBORDecoder.contracts.decode(AboutPage.self, from: answer)
        if about.unchanged == true { return kept?.reply ?? Reply(.notModified).tagged(known.rawValue) }
        let page = Reply(.ok, json: try about.json(answer))
        // A chats service of the release before gives none.
        guard let tag = about.tag else { return page }
        let tagged = page.tagged(tag.rawValue)
        pages.insert(KnownPages.Page(tag: tag, reply: tagged), at: place)
        return tagged
    }

    /// What the client says it has; as long as a tag may be.
    private static func tag(_ call: Call) -> PageTag? {
        guard let tag = EntityTags(call.header(.ifNoneMatch))?.onlyStrong, tag.utf8.count <= 64 else { return nil }
        return PageTag(rawValue: String(tag))
    }

    /// What is looked at of a page; its messages are passed on.
    private struct AboutPage: Decodable {
        let tag: PageTag?
        let unchanged: Bool?
        let next: String?

        /// The page as clients see it.
        func json(_ answer: [UInt8]) throws -> [UInt8] {
            var json = Array(#"{"items":"#.utf8)
            json += try CBORTranscoder.json(of: "items", in: answer)
            if next != nil { json += Array(#","next":"#.utf8) + (try CBORTranscoder.json(of: "next", in: answer)) }
            json.append(UInt8(ascii: "}"))
            return json
        }
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
