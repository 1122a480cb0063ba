import Bus
import Contracts
import Logging
import ServiceLifecycle
import Synchronization

/// Which instance of `messaging` has which users, kept: what was known last goes on being used while `config` is away.
package final class RouteTable: Service {
    /// How often it is read anew without any news.
    private static let interval = Duration.seconds(30)
    private static let retry = Duration.milliseconds(500)

    private let bus: any ProcedureCaller
    private let logger: Logger
    private let known = Mutex<Known?>(nil)
    private let listeners = Mutex<[@Sendable (Routes) -> Void]>([])
    private let news: AsyncStream<Void>
    private let tell: AsyncStream<Void>.Continuation

    private struct Known {
        let routes: Routes
        /// For each partition the index of its instance.
        let owners: [Int32]
    }

    package init(bus: any ProcedureCaller, logger: Logger) {
        (self.bus, self.logger) = (bus, logger)
        (news, tell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// What to give to the bus.
    package var broadcast: Broadcast {
        var feed = Broadcast()
        feed.on(RoutesChanged.self) { [self] event, _ in if event.epoch > (routes?.epoch ?? -1) { tell.yield() } }
        feed.onStart { [self] in tell.yield() }
        return feed
    }

    /// Calls `body` with the routes whenever they were read. Before ``run()``.
    package func onRead(_ body: @escaping @Sendable (Routes) -> Void) { listeners.withLock { $0.append(body) } }

    /// As they were read last; `nil` before that.
    package var routes: Routes? { known.withLock { $0?.routes } }

    /// - Returns: who has the partition; `nil` while nobody has, or nothing is known.
    package func instance(of partition: Int) -> Routes.Instance? {
        known.withLock { known in
            guard let known, known.owners.indices.contains(partition), known.owners[partition] >= 0 else { return nil }
            return known.routes.instances[Int(known.owners[partition])]
        }
    }

    /// - Returns: where the user belongs, and who is there; `nil` while nothing is known.
    package func place(of user: UserID) -> (partition: Int, instance: Routes.Instance?)? {
        guard let count = routes?.partitionCount else { return nil }
        let partition = Partitioning.partition(of: user, count: count)
        return (partition, instance(of: partition))
    }

    /// Reads the routes at once, at every news of them, and now and then, until shutdown.
    package func run() async throws {
        let clockwork = Task { [tell] in
            while !Task.isCancelled {
                try? await Task.sleep(for: Self.interval)
                tell.yield()
            }
        }
        defer { clockwork.cancel() }
        tell.yield()
        for await _ in news.cancelOnGracefulShutdown() { await read() }
    }

    /// Reads them now, for whoever knows that they have changed; as they were if that fails.
    package func readOnce() async {
        if let routes = try? await bus.call(GetRoutes()) { take(routes) }
    }

    /// Likewise, and waits so long at most.
    package func readOnce(within patience: Duration) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.readOnce() }
            group.addTask { try? await Task.sleep(for: patience) }
            await group.next()
            group.cancelAll()
        }
    }

    private func read() async {
        var isTold = false
        while !Task.isCancelled {
            do { return take(try await bus.call(GetRoutes())) } catch {
                if !isTold {
                    logger.info("routes not read", metadata: ["error": "\((error as? ServiceError)?.code.rawValue ?? "-")"])
                }
                isTold = true
                try? await Task.sleep(for: Self.retry)
                if Task.isShuttingDownGracefully { return }
            }
        }
    }

    /// Lower epochs are older than what is known.
    package func take(_ routes: Routes) {
        var owners = [Int32](repeating: -1, count: routes.partitionCount)
        for (index, instance) in routes.instances.enumerated() {
            for partition in instance.partitions.members where owners.indices.contains(partition) {
                owners[partition] = Int32(index)
            }
        }
        known.withLock { known in
            if let known, routes.epoch < known.routes.epoch { return }
            known = Known(routes: routes, owners: owners)
        }
        for listener in listeners.withLock(\.self) { listener(routes) }
    }
}
