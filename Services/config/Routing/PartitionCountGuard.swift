import Contracts
import ServiceKit
import Synchronization

/// Holds the number of partitions of this deployment: the number that its first start stored.
final class PartitionCountGuard: Sendable {
    /// The number in this process's configuration.
    let configured: Int
    private let stored = Mutex<Int?>(nil)

    init(configured: Int) { self.configured = configured }

    /// `nil` until ``verify(with:)`` has succeeded.
    var count: Int? { stored.withLock(\.self) }

    /// Reads the stored number, and stores the configured one at the first start of the deployment.
    ///
    /// - Throws: `ConfigurationError` when the configured number differs: then this process must end.
    func verify(with store: RoutingStore) async throws {
        let count = try await store.partitionCount(storing: configured)
        guard count == configured else {
            throw ConfigurationError(
                "\(RoutingSettings.partitionsVariable) is \(configured); this deployment has \(count) partitions, which cannot change"
            )
        }
        stored.withLock { $0 = count }
    }
}
