import Contracts
import Postgres
import ServiceKit

/// Answers members' heartbeats and requests for the routes.
struct RoutingService: Sendable {
    let heartbeats: HeartbeatStore
    let routesCache: RoutesCache
    let partitionCountGuard: PartitionCountGuard
    let timing: LeaseTiming
    let standstill: StandstillNotifier
    /// Called when a report has changed, which may change the assignment.
    let onReportChanged: @Sendable () -> Void

    /// Records a heartbeat and returns the member's assignment.
    ///
    /// - Throws: ``ServiceError``: `conflict` for a wrong number of partitions; `invalid`; `stale` when a
    ///   later heartbeat is already stored. While Postgres is unavailable, `unavailable` with a cause:
    ///   `standstill`, the leader is notified and the member keeps its lease; or `elsewhere`, the leader can
    ///   reach Postgres and the member must ask again, to reach another instance. `unknownOutcome` when the
    ///   notification failed.
    func heartbeat(_ heartbeat: Heartbeat) async throws -> Heartbeat.Response {
        do { return try await record(heartbeat) } catch var error as ServiceError where error.code == .unavailable {
            switch await standstill.notify() {
            case .notified: error.cause = .standstill
            case .peerLeads: error.cause = .elsewhere
            case .failed: throw ServiceError(.unknownOutcome, "the heartbeat may not have been recorded")
            }
            throw error
        }
    }

    private func record(_ heartbeat: Heartbeat) async throws -> Heartbeat.Response {
        let count = try partitionCount()
        guard heartbeat.partitionCount == count else {
            throw ServiceError(.conflict, "this deployment has \(count) partitions, not \(heartbeat.partitionCount)")
        }
        try heartbeat.validate()
        guard let stored = try await mappingErrors({ () throws(PostgresError) in try await heartbeats.record(heartbeat) }) else {
            throw ServiceError(.stale, "a later heartbeat of \(heartbeat.instance) is already recorded")
        }
        if stored.reportChanged { onReportChanged() }
        return Heartbeat.Response(
            epoch: stored.epoch, leaseMilliseconds: Int64(timing.lease.milliseconds), bind: stored.bind, serve: stored.serve)
    }

    func routes() async throws -> EncodedRoutes {
        _ = try partitionCount()
        return try await mappingErrors { () throws(PostgresError) in try await routesCache.routes() }
    }

    private func partitionCount() throws(ServiceError) -> Int {
        guard let count = partitionCountGuard.count else {
            throw ServiceError(.unavailable, "the number of partitions is not known yet", retryAfterMilliseconds: 500)
        }
        return count
    }

    private func mappingErrors<Answer>(_ body: () async throws(PostgresError) -> Answer) async throws(ServiceError) -> Answer {
        do { return try await body() } catch { throw ServiceError(error) }
    }
}
