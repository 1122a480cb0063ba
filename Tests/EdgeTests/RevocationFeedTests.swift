import BusTesting
import Contracts
import Logging
import Synchronization
import Testing

@testable import Edge

@Suite("The revocation feed") struct RevocationFeedTests {
    @Test("the feed has caught up once it has every page of the list")
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

    @Test("a feed that was lost while the list was fetched has not caught up; it has after the next start")
    func lostMeanwhile() async throws {
        let (bus, revocations) = (StubBus(), Revocations())
        let isFirst = Mutex(true)
        let caughtUp = AsyncStream.makeStream(of: Void.self)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let feed = RevocationFeed(
            revocations, bus: bus, logger: logger,
            onCaughtUp: {
                #expect(revocations.areKnown)
                caughtUp.continuation.finish()
            })
        bus.answer(ListRevocations.self) { _ in
            if isFirst.withLock({ $0 }) {
                isFirst.withLock { $0 = false }
                revocations.lost()
                feed.begin()
            }
            return ListRevocations.Response(sessionIDs: [], next: nil)
        }
        feed.begin()
        await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await feed.run() }
            for await _ in caughtUp.stream {}
            group.cancelAll()
        }
        #expect(bus.asked(ListRevocations.self).count == 2)
        #expect(revocations.areFresh)
    }
}
