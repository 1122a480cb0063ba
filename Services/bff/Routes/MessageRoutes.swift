import Bus
import CBOR
import Contracts
import HTTPTypes
import Hummingbird
import Edge

/// Sending, and reading history.
struct MessageRoutes {
    let bus: any ProcedureCaller
    private let pages = HistoryPageCache()

    init(bus: any ProcedureCaller) { self.bus = bus }

    var endpoints: [Endpoint] {
        [
            .post("/v1/chats/{chatId}/messages", .signedIn, send),
            .get("/v1/chats/{chatId}/messages", .signedIn, history),
        ]
    }

    private struct NewMessage: JSONBody {
        var clientMessageID: String
        var text: String
        var replyTo: Int64?
        static let fields: [BodyField] = [.required("clientMessageId"), .required("text"), .optional("replyTo", .integer)]

        enum CodingKeys: String, CodingKey {
            case text, replyTo
            case clientMessageID = "clientMessageId"
        }
    }

    private func send(_ request: APIRequest) async throws -> APIResponse {
        let chatID: ChatID = try request.id("chatId")
        let body: NewMessage = try await request.body()
        let answer = try await bus.payload(
            of: SendMessage(
                senderID: try request.caller.userID, chatID: chatID,
                clientMessageID: ClientMessageID(rawValue: body.clientMessageID),
                text: body.text, replyTo: body.replyTo))
        let isRepeated = try CBORDecoder.contracts.decode(Repeated.self, from: answer).repeated
        return APIResponse(isRepeated ? .ok : .created, json: try CBORTranscoder.json(of: "message", in: answer))
    }

    /// What is looked at of the answer; the message itself is passed on.
    private struct Repeated: Decodable {
        let repeated: Bool
    }

    private func history(_ request: APIRequest) async throws -> APIResponse {
        let place = HistoryPageCache.Place(
            chatID: try request.id("chatId"), position: try position(request), limit: try request.limit())
        return try await page(at: place, for: try request.caller.userID, clientHas: Self.tag(request)).unchanged(for: request)
    }

    /// Asks for the page, or whether the one that is kept here, or by the client, still is the page.
    private func page(at place: HistoryPageCache.Place, for user: UserID, clientHas: PageTag?) async throws -> APIResponse {
        let kept = pages[place]
        let known = kept?.tag ?? clientHas ?? .none
        let answer = try await bus.payload(
            of: GetHistory(userID: user, chatID: place.chatID, position: place.position, limit: place.limit, known: known))
        let about = try CBORDecoder.contracts.decode(AboutPage.self, from: answer)
        if about.unchanged == true { return kept?.response ?? APIResponse(.notModified).tagged(known.rawValue) }
        let page = APIResponse(.ok, json: try about.json(answer))
        // A chats service of the release before gives none.
        guard let tag = about.tag else { return page }
        let tagged = page.tagged(tag.rawValue)
        pages.insert(HistoryPageCache.Page(tag: tag, response: tagged), at: place)
        return tagged
    }

    /// What the client says it has; as long as a tag may be.
    private static func tag(_ request: APIRequest) -> PageTag? {
        guard let tag = EntityTags(request.header(.ifNoneMatch))?.onlyStrong, tag.utf8.count <= 64 else { return nil }
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
    private func position(_ request: APIRequest) throws -> GetHistory.Position {
        var positions: [GetHistory.Position] = []
        if let seq = try request.number("before") { positions.append(.before(seq: seq)) }
        if let seq = try request.number("after") { positions.append(.after(seq: seq)) }
        if let rev = try request.number("changedAfter") { positions.append(.changedAfter(rev: rev)) }
        // A zone's + that was not encoded has become a space.
        if let at = try request.query("at")?.replacing(" ", with: "+") {
            guard let time = Timestamp(at) else { throw Problem.invalid("at", "must be a time as in RFC 3339") }
            positions.append(.at(time: time))
        }
        guard positions.count <= 1 else { throw Problem.invalid("before", "give at most one of before, after, at, changedAfter") }
        return positions.first ?? .newest
    }
}
