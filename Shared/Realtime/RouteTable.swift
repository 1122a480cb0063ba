import Bus
import Contracts
import Logging
import ServiceLifecycle
import Synchronization

/// Which instance owns which partitions of users. While `config` is away the last known routes stay in use.
package final class RouteTable: Service {
    /// The time between two reads without an event.
    private static let interval = Duration.seconds(30)
    private static let retryInterval = Duration.milliseconds(500)

    private let bus: any ProcedureCaller
    private let logger: Logger
    private let known = Mutex<Known?>(nil)
    private let listeners = Mutex<[@Sendable (Routes) -> Void]>([])
    private let readRequests: AsyncStream<Void>
    private let requestRead: AsyncStream<Void>.Continuation

    private struct Known {
        let routes: Routes
        /// The index of the owner of each partition; -1 without an owner.
        let owners: [Int32]

        init(_ routes: Routes) {
            self.routes = routes
            var owners = [Int32](repeating: -1, count: routes.partitionCount)
            for (index, instance) in routes.instances.enumerated() {
                for partition in instance.partitions.members where owners.indices.contains(partition) {
                    owners[partition] = Int32(index)
                }
            }
            self.owners = owners
        }
    }

    package init(bus: any ProcedureCaller, logger: Logger) {
        self.bus = bus
        self.logger = logger
        (readRequests, requestRead) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// The subscription that keeps the table up to date. Give it to the bus.
    package var subscription: EventSubscription {
        var feed = EventSubscription()
        feed.on(RoutesChanged.self) { [self] event, _ in if event.epoch > (routes?.epoch ?? -1) { requestRead.yield() } }
        feed.onStart { [self] in requestRead.yield() }
        return feed
    }

    /// Calls `body` after every read whose routes are in use. Before ``run()``.
    package func onRead(_ body: @escaping @Sendable (Routes) -> Void) { listeners.withLock { $0.append(body) } }

    /// The routes in use; `nil` before the first read.
    package var routes: Routes? { known.withLock { $0?.routes } }

    /// - Returns: the owner of `partition`; `nil` when it has none, or before the first read.
    package func instance(of partition: Int) -> Routes.Instance? {
        known.withLock { known in
            guard let known, known.owners.indices.contains(partition), known.owners[partition] >= 0 else { return nil }
            return known.routes.instances[Int(known.owners[partition])]
        }
    }

    /// - Returns: the partition of `user` and its owner; `nil` before the first read.
    package func place(of user: UserID) -> (partition: Int, instance: Routes.Instance?)? {
        guard let count = routes?.partitionCount else { return nil }
        let partition = Partitioning.partition(of: user, count: count)
        return (partition, instance(of: partition))
    }

    /// Reads the routes at once, after every change, and every 30 s, until shutdown.
    package func run() async throws {
        let timer = Task { [requestRead] in
            while !Task.isCancelled {
                try? await Task.sleep(for: Self.interval)
                requestRead.yield()
            }
        }
        defer { timer.cancel() }
        requestRead.yield()
        for await _ in readRequests.cancelOnGracefulShutdown() { await read() }
    }

    /// Reads the routes now. They stay as they are when that fails.
    package func readOnce() async {
        if let routes = try? await bus.call(GetRoutes()) { apply(routes) }
    }

    /// Like ``readOnce()``, but waits for at most `limit`.
    package func readOnce(within limit: Duration) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.readOnce() }
            group.addTask { try? await Task.sleep(for: limit) }
            await group.next()
            group.cancelAll()
        }
    }

    private func read() async {
        var isLogged = false
        while !Task.isCancelled {
            do { return apply(try await bus.call(GetRoutes())) } catch {
                if !isLogged {
                    logger.info(
                        "routes were not read", metadata: ["error": "\((error as? ServiceError)?.code.rawValue ?? "-")"])
                }
                isLogged = true
                try? await Task.sleep(for: Self.retryInterval)
                if Task.isShuttingDownGracefully { return }
            }
        }
    }

    /// Uses `routes` and hands them to the listeners.
    ///
    /// Refuses routes of a lower epoch than those in use, and routes whose partition count is out of range.
    package func apply(_ routes: Routes) {
        guard Partitioning.counts.contains(routes.partitionCount) else {
            return logger.error(
                "routes with an invalid partition count were refused", metadata: ["partitions": "\(routes.partitionCount)"])
        }
        let new = Known(routes)
        let isUsed = known.withLock { known in
            if let known, routes.epoch < known.routes.epoch { return false }
            known = new
            return true
        }
        if isUsed { notify(routes) }
    }

    private func notify(_ routes: Routes) {
        // Under the lock, so that concurrent calls cannot hand out their routes in another order than that of
        // the epochs.
        listeners.withLock { listeners in
            guard self.routes?.epoch == routes.epoch else { return }
            for listener in listeners { listener(routes) }
        }
    }
}
