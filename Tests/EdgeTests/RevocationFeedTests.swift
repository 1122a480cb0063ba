import BusTesting
import Contracts
import Logging
import Testing

@testable import Edge

@Suite("The feed of revocations") struct RevocationFeedTests {
    @Test("an edge is caught up once it has every page of the list")
    func pages() async throws {
        let (bus, revocations) = (StubBus(), Revocations())
        let pages = [nil: (1, "a"), "a": (2, "b"), "b": (3, nil)] as [String?: (Int64, String?)]
        bus.answer(ListRevocations.self) { request in
            let page = try #require(pages[request.after])
            #expect(revocations.verdict(on: SessionID(rawValue: 9)) == .unknown)
            return ListRevocations.Response(sessionIDs: [SessionID(rawValue: page.0)], next: page.1)
        }
        let caughtUp = AsyncStream.makeStream(of: Void.self)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let feed = RevocationFeed(revocations, bus: bus, logger: logger, onCaughtUp: { caughtUp.continuation.finish() })
        feed.begin()
        await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await feed.run() }
            for await _ in caughtUp.stream {}
            group.cancelAll()
        }
        for id in 1...3 { #expect(revocations.verdict(on: SessionID(rawValue: Int64(id))) == .revoked) }
        #expect(revocations.verdict(on: SessionID(rawValue: 9)) == .live)
    }
}
