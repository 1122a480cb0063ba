import Contracts
import NIOCore
import Synchronization

/// Pages of history as they were sent lately, each under the tag that `chats` gave it. Before one is sent again `chats` is asked whether it still is the page, for
/// whoever asks now; this saves only its way over the bus and its making. Bounded in bytes.
final class HistoryPageCache: Sendable {
    struct Place: Hashable {
        let chatID: ChatID
        let position: GetHistory.Position
        let limit: Int
    }

    struct Page {
        let tag: PageTag
        /// With its `ETag`.
        let response: APIResponse
        /// Of the body, and of what is kept about it.
        fileprivate var bytes: Int { response.body.readableBytes + 512 }
    }

    /// Two generations: what is asked for moves to the young one; when that is full the old one goes.
    private struct Generations {
        var young: [Place: Page] = [:]
        var old: [Place: Page] = [:]
        var youngBytes = 0

        mutating func insert(_ page: Page, at place: Place, atMost limit: Int) {
            guard page.bytes <= limit else { return }
            if youngBytes + page.bytes > limit { (old, young, youngBytes) = (young, [:], 0) }
            youngBytes += page.bytes - (young.updateValue(page, forKey: place)?.bytes ?? 0)
        }
    }

    private let generations = Mutex(Generations())
    private let half: Int

    /// - Parameter bytes: of all pages together.
    init(bytes: Int = 8 << 20) { half = bytes / 2 }

    subscript(place: Place) -> Page? {
        generations.withLock { generations in
            if let page = generations.young[place] { return page }
            guard let page = generations.old.removeValue(forKey: place) else { return nil }
            generations.insert(page, at: place, atMost: half)
            return page
        }
    }

    func insert(_ page: Page, at place: Place) { generations.withLock { $0.insert(page, at: place, atMost: half) } }
}
