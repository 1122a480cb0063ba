import Contracts
import ServiceKit
import Synchronization

/// How many partitions this deployment has: what it was first started with, once that is known.
final class PartitionCountDesk: Sendable {
    /// What this process was started with.
    let wanted: Int
    private let settled = Mutex<Int?>(nil)

    init(wanted: Int) { self.wanted = wanted }

    /// `nil` until Postgres was asked.
    var count: Int? { settled.withLock(\.self) }

    /// - Returns: true.
    /// - Throws: `ConfigurationError` when it is another than wanted: then this process must end.
    func settle(with store: RoutingStore) async throws -> Bool {
        let count = try await store.partitionCount(atFirst: wanted)
        guard count == wanted else {
            throw ConfigurationError(
                "\(RoutingSettings.partitionsVariable) is \(wanted); this deployment has \(count) partitions, for ever")
        }
        settled.withLock { $0 = count }
        return true
    }
}
