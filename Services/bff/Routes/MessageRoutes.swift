import Bus
import CBOR
import Contracts
import Edge
import HTTPTypes
import Hummingbird

/// Sends messages and reads history.
struct MessageRoutes {
    let bus: any ProcedureCaller
    private let pages = HistoryPageCache()

    init(bus: any ProcedureCaller) { self.bus = bus }

    var endpoints: [Endpoint] {
        [
            .post("/v1/chats/{chatId}/messages", send),
            .get("/v1/chats/{chatId}/messages", history),
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

    /// The decoded part of the answer. The message is passed on as it is.
    private struct Repeated: Decodable {
        let repeated: Bool
    }

    private func history(_ request: APIRequest) async throws -> APIResponse {
        let key = HistoryPageKey(
            chatID: try request.id("chatId"), position: try position(request), limit: try request.limit())
        return try await page(key, for: try request.caller.userID, heldTag: Self.heldTag(request)).unchanged(for: request)
    }

    /// Fetches the page, or confirms that the cached one, or the client's, is unchanged.
    ///
    /// - Parameter heldTag: of the page that the client has.
    private func page(_ key: HistoryPageKey, for user: UserID, heldTag: PageTag?) async throws -> APIResponse {
        let cached = pages[key]
        let cachedTag = cached?.tag ?? heldTag ?? .none
        let answer = try await bus.payload(
            of: GetHistory(userID: user, chatID: key.chatID, position: key.position, limit: key.limit, known: cachedTag))
        let summary = try CBORDecoder.contracts.decode(PageSummary.self, from: answer)
        if summary.unchanged == true { return cached?.response ?? APIResponse(.notModified).tagged(cachedTag.rawValue) }
        let page = APIResponse(.ok, json: try summary.json(answer))
        // A chats service of the previous release sends no tag.
        guard let tag = summary.tag else { return page }
        let tagged = page.tagged(tag.rawValue)
        pages.insert(HistoryPage(tag: tag, response: tagged), for: key)
        return tagged
    }

    /// The tag of the page that the client has; `nil` if it is longer than any tag.
    private static func heldTag(_ request: APIRequest) -> PageTag? {
        guard let tag = EntityTags(request.header(.ifNoneMatch))?.onlyStrong, tag.utf8.count <= 64 else { return nil }
        return PageTag(rawValue: String(tag))
    }

    /// The decoded part of a page. Its messages are passed on as they are.
    private struct PageSummary: Decodable {
        let tag: PageTag?
        let unchanged: Bool?
        let next: String?

        /// Returns the public form of the page.
        func json(_ answer: [UInt8]) throws -> [UInt8] {
            var json = Array(#"{"items":"#.utf8)
            json += try CBORTranscoder.json(of: "items", in: answer)
            if next != nil { json += Array(#","next":"#.utf8) + (try CBORTranscoder.json(of: "next", in: answer)) }
            json.append(UInt8(ascii: "}"))
            return json
        }
    }

    /// The position that one of four query parameters names; the newest page without any.
    private func position(_ request: APIRequest) throws -> GetHistory.Position {
        var positions: [GetHistory.Position] = []
        if let seq = try request.number("before") { positions.append(.before(seq: seq)) }
        if let seq = try request.number("after") { positions.append(.after(seq: seq)) }
        if let rev = try request.number("changedAfter") { positions.append(.changedAfter(rev: rev)) }
        // A client that does not encode the + of a time zone sends a space.
        if let at = try request.query("at")?.replacing(" ", with: "+") {
            guard let time = Timestamp(at) else { throw Problem.invalid("at", "must be a time as in RFC 3339") }
            positions.append(.at(time: time))
        }
        guard positions.count <= 1 else { throw Problem.invalid("before", "give at most one of before, after, at, changedAfter") }
        return positions.first ?? .newest
    }
}
