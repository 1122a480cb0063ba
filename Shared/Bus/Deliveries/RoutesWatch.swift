import Contracts
import Logging
import Reactor

/// Keeps the publisher of deliveries informed of which instance has which partitions: reads the routes at the start and whenever they have changed.
///
/// A hint and no more: while `config` is away, or says nothing, deliveries arrive all the same, because the bindings decide.
actor RoutesWatch {
    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    /// After a failure.
    private static let pause = Duration.seconds(10)

    private nonisolated let io: IOThread
    private let publisher: DeliveryPublisher
    private let read: @Sendable () async throws -> Routes
    private let logger: Logger
    private var isReading = false
    private var isStale = false
    private var retry: IOTimer?

    init(_ publisher: DeliveryPublisher, on io: IOThread, logger: Logger, read: @escaping @Sendable () async throws -> Routes) {
        (self.publisher, self.io, self.logger, self.read) = (publisher, io, logger, read)
    }

    /// On the I/O thread only. They have changed, or may have.
    nonisolated func note() { assumeIsolated { $0.refresh() } }

    private func refresh() {
        isStale = true
        if isReading { return }
        isReading = true
        Task(executorPreference: io) { await self.readUntilFresh() }
    }

    private func readUntilFresh() async {
        while isStale {
            isStale = false
            do { publisher.hint(RoutesHint(try await read())) } catch {
                logger.debug("the routes cannot be read now", metadata: ["error": "\(error)"])
                if let retry { io.cancel(retry) }
                retry = io.schedule(after: Self.pause) { [weak self] in self?.note() }
            }
        }
        isReading = false
    }
}
