import Contracts

@testable import Bus
@testable import Users

/// The schema `users` with the statements of `ContactStore`. A transaction locks the row of one pair from
/// beginning to end, so it runs in one moment here.
final class UserRows {
    let outbox: OutboxRows
    private(set) var relationships: [UserPair: RelationshipRecord] = [:]
    private let simulator: Simulator

    init(_ simulator: Simulator) {
        self.simulator = simulator
        outbox = OutboxRows(simulator)
    }

    /// - Returns: the events, which are in the outbox by then.
    func change<Refusal: Error>(
        _ pair: UserPair, _ rule: (inout Relationship, _ rev: Int64) throws(Refusal) -> [any Event]
    ) throws -> [OutboxEvent] {
        let now = Timestamp(millisecondsSinceEpoch: Host.beginning + simulator.now)
        var record = relationships[pair] ?? RelationshipRecord(Relationship(), since: now, rev: 0)
        let before = record
        let events = try record.change(at: now, rule).map { try OutboxEvent($0) }
        simulator.check(
            record.relationship == before.relationship || record.rev == before.rev + 1,
            "a relationship has changed without a rev of its own")
        if record.rev > 0 { relationships[pair] = record }
        outbox.insert(events)
        return events
    }
}
