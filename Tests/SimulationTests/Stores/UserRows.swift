import Contracts

@testable import Bus
@testable import Users

/// The schema `users` with the statements of `ContactStore`. A transaction locks the row of one pair from
/// beginning to end, so it runs in one moment here.
final class UserRows {
    let outbox: OutboxRows
    private(set) var ties: [Pair: StoredTie] = [:]
    private let simulator: Simulator

    init(_ simulator: Simulator) {
        self.simulator = simulator
        outbox = OutboxRows(simulator)
    }

    /// - Returns: the events, which are in the outbox by then.
    func change<Refusal: Error>(
        _ pair: Pair, _ rule: (inout Tie, _ rev: Int64) throws(Refusal) -> [any Event]
    ) throws -> [OutboxEvent] {
        let now = Timestamp(millisecondsSinceEpoch: Host.beginning + simulator.now)
        var tie = ties[pair] ?? StoredTie(value: Tie(), since: now, rev: 0)
        let before = tie
        let events = try tie.change(at: now, rule).map { try OutboxEvent($0) }
        simulator.check(tie.value == before.value || tie.rev == before.rev + 1, "a tie has changed without a rev of its own")
        if tie.rev > 0 { ties[pair] = tie }
        outbox.insert(events)
        return events
    }
}
