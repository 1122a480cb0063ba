import Bus
import Contracts
import Foundation
import Logging
import ServiceLifecycle

/// Keeps ``Revocations`` true: listens to the news, and after every loss of it fetches what may have been missed.
package struct RevocationFeed: Service {
    private let revocations: Revocations
    private let bus: any ProcedureCaller
    private let logger: Logger
    private let onRevoked: @Sendable ([SessionID]) -> Void
    private let onCaughtUp: @Sendable () -> Void
    private let started: AsyncStream<Void>
    private let start: AsyncStream<Void>.Continuation

    /// - Parameters:
    ///   - onRevoked: called with every session that is known to have ended, some of them more than once.
    ///   - onCaughtUp: called whenever nothing is unknown any more.
    package init(
        _ revocations: Revocations, bus: any ProcedureCaller, logger: Logger,
        onRevoked: @escaping @Sendable ([SessionID]) -> Void = { _ in },
        onCaughtUp: @escaping @Sendable () -> Void = {}
    ) {
        self.onRevoked = onRevoked
        (self.revocations, self.bus, self.logger, self.onCaughtUp) = (revocations, bus, logger, onCaughtUp)
        (started, start) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// What to give to the bus.
    package var subscription: EventSubscription {
        var feed = EventSubscription()
        feed.on(SessionsRevoked.self) { [self] event, _ in revoke(event.sessionIDs) }
        feed.onStart { [self] in begin() }
        feed.onLost { [revocations] in revocations.lost() }
        return feed
    }

    /// The news are listened to from now on.
    package func begin() { start.yield() }

    package func run() async throws {
        for await _ in started.cancelOnGracefulShutdown() { await catchUp() }
    }

    private func revoke(_ sessions: [SessionID]) {
        revocations.revoke(sessions)
        onRevoked(sessions)
    }

    /// Asks until there is an answer: the feed is already listened to, so nothing falls between.
    private func catchUp() async {
        while !Task.isCancelled {
            let losses = revocations.losses
            do {
                try await fetch(since: Timestamp(millisecondsSinceEpoch: Int64((Date().timeIntervalSince1970 - 960) * 1_000)))
                revocations.caughtUp(losses: losses)
                return onCaughtUp()
            } catch {
                logger.notice("revocations not fetched", metadata: ["error": "\(error)"])
                try? await Task.sleep(for: .milliseconds(250))
            }
        }
    }

    /// Every page counts as soon as it is here; only the last one makes the list whole.
    private func fetch(since: Timestamp) async throws {
        var after: String?
        repeat {
            let page = try await bus.call(ListRevocations(since: since, after: after))
            revoke(page.sessionIDs)
            after = page.next
        } while after != nil
    }
}
