import Contracts
import Testing

@testable import Config

@Suite("Leader election and failure detection") struct LeaderElectionTests {
    private let timing = LeaseTiming()
    private func heartbeats(_ name: String, _ count: Int64, start: String = "1") -> MemberFailureDetector.HeartbeatCount {
        .init(id: .init(instance: name, incarnation: start), count: count)
    }

    @Test("the leader row is requested twice a second, and only while connected to the broker")
    func requests() {
        var election = LeaderElection(timing)
        #expect(election.due(at: .zero, isConnected: false) == nil)
        #expect(election.due(at: .zero, isConnected: true) == .acquire)
        #expect(election.due(at: .milliseconds(499), isConnected: true) == nil)
        election.settled(7)
        #expect(election.due(at: .milliseconds(500), isConnected: true) == .renew(term: 7))
        #expect(election.due(at: .milliseconds(1_000), isConnected: false) == nil)
        #expect(election.due(at: .milliseconds(1_001), isConnected: true) == .renew(term: 7))
        election.settled(nil)
        #expect(election.due(at: .milliseconds(1_501), isConnected: true) == .acquire)
    }

    /// Observes every 100 ms and returns when the first member is dead.
    private func firstDeath(
        _ detector: inout MemberFailureDetector, from begin: Int, to end: Int,
        _ counts: (Int) -> [MemberFailureDetector.HeartbeatCount]
    )
        -> Int?
    {
        stride(from: begin, through: end, by: 100).first { !detector.observe(counts($0), at: .milliseconds($0)).isEmpty }
    }

    @Test("a member is dead one lease and a margin after its last heartbeat, whatever other members send")
    func silence() {
        var detector = MemberFailureDetector(timing)
        let died = firstDeath(&detector, from: 0, to: 10_000) { now in
            [heartbeats("a", Int64(now / 500)), heartbeats("b", Int64(min(now, 1_000) / 500))]
        }
        // Its last heartbeat was at 1,000.
        #expect(died == 3_300)
    }

    @Test("an interruption restarts the count of every member, whether it is reported or the detector stood still")
    func breaks() {
        var detector = MemberFailureDetector(timing)
        #expect(firstDeath(&detector, from: 0, to: 2_000) { _ in [heartbeats("a", 1)] } == nil)
        detector.interrupt()
        #expect(firstDeath(&detector, from: 2_100, to: 10_000) { _ in [heartbeats("a", 1)] } == 4_400)
        var sleeper = MemberFailureDetector(timing)
        #expect(firstDeath(&sleeper, from: 0, to: 1_000) { _ in [heartbeats("a", 1)] } == nil)
        #expect(firstDeath(&sleeper, from: 6_000, to: 20_000) { _ in [heartbeats("a", 1)] } == 8_300)
    }

    @Test(
        "after a lost connection members have 3 s to reconnect, and are dead one lease and a margin after that"
    )
    func returning() {
        var detector = MemberFailureDetector(timing)
        #expect(firstDeath(&detector, from: 0, to: 2_000) { _ in [heartbeats("a", 1), heartbeats("b", 1)] } == nil)
        detector.interrupt(until: .milliseconds(5_000))
        // `a` reconnects late and stays a member; `b` does not reconnect.
        let died = firstDeath(&detector, from: 2_100, to: 10_000) { now in
            [heartbeats("a", now < 6_900 ? 1 : Int64(now)), heartbeats("b", 1)]
        }
        #expect(died == 7_300)
        #expect(detector.observe([heartbeats("a", 7_400), heartbeats("b", 1)], at: .milliseconds(7_400)) == [heartbeats("b", 1)])
        // The interruption affects no later silence.
        let next = firstDeath(&detector, from: 7_500, to: 20_000) { now in [heartbeats("a", Int64(min(now, 8_000)))] }
        #expect(next == 10_300)
    }

    @Test(
        "a leader that lost its connection, or its feed of leader heartbeats, gives members time to reconnect",
        arguments: [true, false])
    func cutOff(isConnectionLost: Bool) {
        var state = LeaderState(timing, limit: 1)
        #expect(state.due(at: .seconds(10), isConnected: true) == .acquire)
        state.settled(1, at: .seconds(10))
        state.loaded(RoutingTable(partitionCount: 2))
        let member = MemberReport(
            id: heartbeats("a", 1).id, url: "ws://a", epoch: 0, bound: PartitionSet(), served: PartitionSet(), isLeaving: false)
        func death(from begin: Int, to end: Int) -> Int? {
            stride(from: begin, through: end, by: 100).first { now in
                state.receivedLeaderHeartbeat(isOwn: true, isCut: false, at: .milliseconds(now))
                _ = state.due(at: .milliseconds(now), isConnected: true)
                let row = MemberRow(instance: "a", heartbeats: 1, reportVersion: 1, report: member)
                return state.evaluate([row], at: .milliseconds(now))?.dead.isEmpty == false
            }
        }
        #expect(death(from: 10_000, to: 12_000) == nil)
        if isConnectionLost {
            _ = state.due(at: .milliseconds(12_050), isConnected: false)
        } else {
            state.lostLeaderHeartbeats(at: .milliseconds(12_050))
        }
        #expect(death(from: 12_100, to: 30_000) == 17_300)
    }

    @Test("a restarted process, and one that returns after its death, starts a new count")
    func restarted() {
        var detector = MemberFailureDetector(timing)
        #expect(firstDeath(&detector, from: 0, to: 2_000) { _ in [heartbeats("a", 1)] } == nil)
        #expect(firstDeath(&detector, from: 2_100, to: 10_000) { _ in [heartbeats("a", 1, start: "2")] } == 4_400)
        detector.forget("a")
        #expect(firstDeath(&detector, from: 4_500, to: 10_000) { _ in [heartbeats("a", 1, start: "2")] } == 6_800)
    }
}
