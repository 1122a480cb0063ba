import Contracts
import Postgres
import ServiceKit

/// Answers members and those who look for them.
struct RoutingDesk: Sendable {
    let heartbeats: HeartbeatStore
    let known: KnownRoutes
    let partitions: PartitionCountDesk
    let terms: LeaseTerms
    let alarm: Alarm
    /// A member has said something that may change the assignment.
    let onNews: @Sendable () -> Void

    /// - Throws: ``ServiceError``: `conflict` for another number of partitions; `invalid`; `stale` for what is older than what is known;
    ///   `unavailable` while Postgres is away: then the member may keep what it has, as the leader has been told of it, and the error's cause is `standstill`;
    ///   `unknownOutcome` where that failed. It is `elsewhere` when the leader has Postgres: then the member is to ask again, and will be heard by another one.
    func heartbeat(_ heartbeat: Heartbeat) async throws -> Heartbeat.Response {
        do { return try await answer(heartbeat) } catch var error as ServiceError where error.code == .unavailable {
            switch await alarm.raise() {
            case .told: error.cause = .standstill
            case .needless: error.cause = .elsewhere
            case .failed: throw ServiceError(.unknownOutcome, "the database is away, and the others cannot be told")
            }
            throw error
        }
    }

    private func answer(_ heartbeat: Heartbeat) async throws -> Heartbeat.Response {
        let count = try partitionCount()
        guard heartbeat.partitionCount == count else {
            throw ServiceError(.conflict, "this deployment has \(count) partitions, not \(heartbeat.partitionCount)")
        }
        try heartbeat.check()
        guard let answer = try await asking({ () throws(PostgresError) in try await heartbeats.beat(heartbeat) }) else {
            throw ServiceError(.stale, "a later heartbeat of \(heartbeat.instance) was heard before this one")
        }
        if answer.isNews { onNews() }
        return Heartbeat.Response(
            epoch: answer.epoch, leaseMilliseconds: Int64(terms.lease.milliseconds), bind: answer.bind, serve: answer.serve)
    }

    func routes() async throws -> WrittenRoutes {
        _ = try partitionCount()
        return try await asking { () throws(PostgresError) in try await known.routes() }
    }

    private func partitionCount() throws(ServiceError) -> Int {
        guard let count = partitions.count else {
            throw ServiceError(.unavailable, "the number of partitions is not known yet", retryAfterMilliseconds: 500)
        }
        return count
    }

    private func asking<Answer>(_ body: () async throws(PostgresError) -> Answer) async throws(ServiceError) -> Answer {
        do { return try await body() } catch { throw ServiceError(error) }
    }
}

extension Heartbeat {
    /// Far above what any deployment will see, and far below where numbers end.
    private static let epochs = 0...Int64(1) << 53

    /// - Throws: ``ServiceError`` `invalid`.
    fileprivate func check() throws(ServiceError) {
        guard (1...100).contains(instance.utf8.count) else { throw .invalid("instance", "must have 1 to 100 characters") }
        guard (1...100).contains(incarnation.utf8.count) else { throw .invalid("incarnation", "must have 1 to 100 characters") }
        guard url.utf8.count <= 1_000, url.hasPrefix("ws://") || url.hasPrefix("wss://") else {
            throw .invalid("url", "must be ws://… or wss://… of at most 1,000 characters")
        }
        guard ![instance, incarnation, url].contains(where: { $0.utf8.contains(0) }) else {
            throw .invalid("instance", "must not hold U+0000")
        }
        guard Self.epochs.contains(epoch) else { throw .invalid("epoch", "must be 0 to \(Self.epochs.upperBound)") }
        guard bound.isWithin(partitionCount), served.isWithin(partitionCount) else {
            throw .invalid("bound", "there are \(partitionCount) partitions")
        }
        guard load.connections >= 0, load.cpu.isFinite, load.outboundBytes.isFinite else {
            throw .invalid("load", "must be numbers from 0")
        }
    }
}

extension PartitionSet {
    fileprivate func isWithin(_ count: Int) -> Bool { members.allSatisfy { $0 < count } }
}
