import Cache
import Contracts

/// Handles the procedures that only read: chats and history.
struct ReadingHandler: Sendable {
    let views: ChatViewStore
    let history: HistoryStore
    let caches: ChatCaches

    /// - Throws: `notFound` if the user is not a member.
    func chat(_ request: GetChat) async throws -> Chat {
        guard let chat = try await views.chat(request.chatID, for: request.userID) else { throw ServiceError.noSuchChat }
        return chat
    }

    /// - Throws: `invalid` for a limit or cursor out of range.
    func list(_ request: ListChats) async throws -> ListChats.Response {
        let limit = try validated("limit", try PageLimit(request.limit))
        let after = try validated("after", try request.after.map(PageCursor.init(decimal:)))
        let since = try validated("changedSince", try request.changedSince.map(ChangesCursor.init(_:)))
        let (chats, askedAt) =
            if let since {
                try await views.list(for: request.userID, changedFrom: since.from, after: after, limit: request.limit + 1)
            } else {
                try await views.list(for: request.userID, after: after, limit: request.limit + 1)
            }
        let page = Page(of: chats, limit: limit) { PageCursor(time: $0.updatedAt, id: $0.id.rawValue).decimal }
        // Clients keep the cursor of the first page: later pages also show changes made since then.
        return ListChats.Response(
            items: page.items, next: page.next, cursor: after == nil ? ChangesCursor(askedAt: askedAt).text : nil)
    }

    /// Returns a page of history. The newest messages come from memory, after a check of their version in the
    /// same request; older ones come from the store.
    ///
    /// A reader who already has the page passes the same checks and receives no messages.
    ///
    /// - Throws: `notFound` if the user is not a member; `invalid` for a position or limit out of range.
    func history(_ request: GetHistory) async throws -> HistoryResponse {
        HistoryResponse(try await page(request), known: request.known)
    }

    private func page(_ request: GetHistory) async throws -> HistoryPage {
        _ = try validated("limit", try PageLimit(request.limit))
        async let recent = request.position.isRecent ? caches.recent.get(request.chatID, .checked) : nil
        let key = MemberKey(chatID: request.chatID, userID: request.userID)
        guard let membership = try await caches.memberships.get(key, .checked), membership.isPresent else {
            throw ServiceError.noSuchChat
        }
        let range = try HistoryRange(request.position, limit: request.limit, visibleAfter: membership.joinedSeq)
        if let page = try await recent?.page(range, limit: request.limit) { return page }
        let found = try await history.messages(of: request.chatID, range, limit: request.limit + 1)
        return try HistoryPage(range.page(found, limit: request.limit))
    }
}

extension GetHistory.Position {
    /// Whether the page is likely to lie within the newest messages.
    fileprivate var isRecent: Bool {
        switch self {
        case .newest, .after: true
        case .before, .at, .changedAfter: false
        }
    }
}
