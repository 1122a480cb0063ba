import Bus
import Contracts
import Foundation
import Logging
import ServiceLifecycle

/// Keeps ``Revocations`` complete: subscribes to the events and, after every loss of the subscription,
/// fetches the list of recent revocations.
package struct RevocationFeed: Service {
    /// Revocations older than this concern only tokens that have expired: the lifetime of a token and a
    /// minute for clocks.
    private static let lookBack = AccessToken.lifetime + .seconds(60)
    private static let retryDelay = Duration.milliseconds(250)

    private let revocations: Revocations
    private let bus: any ProcedureCaller
    private let logger: Logger
    private let onRevoked: @Sendable ([SessionID]) -> Void
    private let onCaughtUp: @Sendable () -> Void
    private let starts: AsyncStream<Void>
    private let start: AsyncStream<Void>.Continuation

    /// - Parameters:
    ///   - onRevoked: called with every session that has ended, with some of them more than once.
    ///   - onCaughtUp: called whenever the list has become complete.
    package init(
        _ revocations: Revocations, bus: any ProcedureCaller, logger: Logger,
        onRevoked: @escaping @Sendable ([SessionID]) -> Void = { _ in },
        onCaughtUp: @escaping @Sendable () -> Void = {}
    ) {
        self.revocations = revocations
        self.bus = bus
        self.logger = logger
        self.onRevoked = onRevoked
        self.onCaughtUp = onCaughtUp
        (starts, start) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// The subscription, for the bus.
    package var subscription: EventSubscription {
        var feed = EventSubscription()
        feed.on(SessionsRevoked.self) { [self] event, _ in revoke(event.sessionIDs) }
        feed.onStart { [self] in begin() }
        feed.onLost { [revocations] in revocations.lost() }
        return feed
    }

    /// The subscription delivers events from now on.
    package func begin() { start.yield() }

    package func run() async throws {
        for await _ in starts.cancelOnGracefulShutdown() { await catchUp() }
    }

    private func revoke(_ sessions: [SessionID]) {
        revocations.revoke(sessions)
        onRevoked(sessions)
    }

    /// Retries until the list is complete or the subscription is lost again. The next start of the
    /// subscription fetches the list once more.
    ///
    /// No revocation falls between the list and the events, because the subscription started before.
    private func catchUp() async {
        while !Task.isCancelled {
            let losses = revocations.losses
            do {
                try await fetch()
                if revocations.caughtUp(losses: losses) { onCaughtUp() }
                return
            } catch {
                logger.notice("revocations not fetched", metadata: ["error": "\(error)"])
                try? await Task.sleep(for: Self.retryDelay)
            }
        }
    }

    /// Applies every page on arrival. The list is complete after the last one.
    private func fetch() async throws {
        let since = Date().timeIntervalSince1970 - Double(Self.lookBack.components.seconds)
        let first = Timestamp(millisecondsSinceEpoch: Int64(since * 1_000))
        var after: String?
        repeat {
            let page = try await bus.call(ListRevocations(since: first, after: after))
            revoke(page.sessionIDs)
            after = page.next
        } while after != nil
    }
}
