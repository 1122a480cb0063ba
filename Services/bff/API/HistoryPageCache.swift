import Contracts
import Edge
import NIOCore

/// Recent history pages as they were sent, each with the tag from `chats`.
///
/// Before a page is sent again, `chats` confirms for the present caller that it is unchanged. The cache saves
/// only the transport and the encoding of the page.
typealias HistoryPageCache = TwoGenerationCache<HistoryPageKey, HistoryPage>

struct HistoryPageKey: Hashable {
    let chatID: ChatID
    let position: GetHistory.Position
    let limit: Int
}

struct HistoryPage {
    let tag: PageTag
    /// With its `ETag`.
    let response: APIResponse
    /// Of the body, and of the rest of an entry.
    fileprivate var bytes: Int { response.body.readableBytes + 512 }
}

extension HistoryPageCache {
    /// - Parameter bytes: of all pages together.
    convenience init(bytes: Int = 8 << 20) {
        self.init(capacity: bytes) { $0.bytes }
    }
}
