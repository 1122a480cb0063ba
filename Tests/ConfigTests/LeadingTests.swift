import Contracts
import Testing

@testable import Config

@Suite("Leading, and who is silent") struct LeadingTests {
    private let terms = LeaseTerms()
    private func pulse(_ name: String, _ beats: Int64, start: String = "1") -> MemberWatch.Pulse {
        .init(id: .init(instance: name, incarnation: start), beats: beats)
    }

    @Test("the row is asked for twice a second, and only while members can be heard")
    func leadership() {
        var leadership = Leadership(terms)
        #expect(leadership.due(at: .zero, isConnected: false) == nil)
        #expect(leadership.due(at: .zero, isConnected: true) == .take)
        #expect(leadership.due(at: .milliseconds(499), isConnected: true) == nil)
        leadership.settled(7)
        #expect(leadership.due(at: .milliseconds(500), isConnected: true) == .renew(term: 7))
        #expect(leadership.due(at: .milliseconds(1_000), isConnected: false) == nil)
        #expect(leadership.due(at: .milliseconds(1_001), isConnected: true) == .renew(term: 7))
        leadership.settled(nil)
        #expect(leadership.due(at: .milliseconds(1_501), isConnected: true) == .take)
    }

    /// Looks every 100 ms.
    private func firstDeath(_ watch: inout MemberWatch, from begin: Int, to end: Int, _ pulses: (Int) -> [MemberWatch.Pulse])
        -> Int?
    {
        stride(from: begin, through: end, by: 100).first { !watch.observe(pulses($0), at: .milliseconds($0)).isEmpty }
    }

    @Test("a member is dead when nothing new of it was seen for a lease and a bit; others beating changes nothing")
    func silence() {
        var watch = MemberWatch(terms)
        let died = firstDeath(&watch, from: 0, to: 10_000) { now in
            [pulse("a", Int64(now / 500)), pulse("b", Int64(min(now, 1_000) / 500))]
        }
        // Its last beat was at 1,000.
        #expect(died == 3_300)
    }

    @Test("after a break all are given a lease anew: one that was told, and one that the watcher slept through")
    func breaks() {
        var watch = MemberWatch(terms)
        #expect(firstDeath(&watch, from: 0, to: 2_000) { _ in [pulse("a", 1)] } == nil)
        watch.interrupt()
        #expect(firstDeath(&watch, from: 2_100, to: 10_000) { _ in [pulse("a", 1)] } == 4_400)
        var sleeper = MemberWatch(terms)
        #expect(firstDeath(&sleeper, from: 0, to: 1_000) { _ in [pulse("a", 1)] } == nil)
        #expect(firstDeath(&sleeper, from: 6_000, to: 20_000) { _ in [pulse("a", 1)] } == 8_300)
    }

    @Test(
        "when the connection was lost, members have some seconds to be back, and those who are not are dead a lease and a bit later"
    )
    func returning() {
        var watch = MemberWatch(terms)
        #expect(firstDeath(&watch, from: 0, to: 2_000) { _ in [pulse("a", 1), pulse("b", 1)] } == nil)
        watch.interrupt(until: .milliseconds(5_000))
        // `a` is back late, and lives; `b` is not.
        let died = firstDeath(&watch, from: 2_100, to: 10_000) { now in [pulse("a", now < 6_900 ? 1 : Int64(now)), pulse("b", 1)]
        }
        #expect(died == 7_300)
        #expect(watch.observe([pulse("a", 7_400), pulse("b", 1)], at: .milliseconds(7_400)) == [pulse("b", 1)])
        // Once it is over it is over.
        let next = firstDeath(&watch, from: 7_500, to: 20_000) { now in [pulse("a", Int64(min(now, 8_000)))] }
        #expect(next == 10_300)
    }

    @Test("a leader that was cut off from the broker, or from the news, gives members that time", arguments: [true, false])
    func cutOff(isConnectionLost: Bool) {
        var state = LeaderState(terms, limit: 1)
        #expect(state.due(at: .seconds(10), isConnected: true) == .take)
        state.settled(1, at: .seconds(10))
        state.loaded(RoutingTable(partitionCount: 2))
        let member = MemberReport(
            id: pulse("a", 1).id, url: "ws://a", epoch: 0, bound: PartitionSet(), served: PartitionSet(), isLeaving: false)
        func death(from begin: Int, to end: Int) -> Int? {
            stride(from: begin, through: end, by: 100).first { now in
                state.heardPulse(isOwn: true, isCut: false, at: .milliseconds(now))
                _ = state.due(at: .milliseconds(now), isConnected: true)
                let seen = LeaderState.Sighting(instance: "a", beats: 1, news: 1, member: member)
                return state.heard([seen], at: .milliseconds(now))?.dead.isEmpty == false
            }
        }
        #expect(death(from: 10_000, to: 12_000) == nil)
        if isConnectionLost {
            _ = state.due(at: .milliseconds(12_050), isConnected: false)
        } else {
            state.lostPulses(at: .milliseconds(12_050))
        }
        #expect(death(from: 12_100, to: 30_000) == 17_300)
    }

    @Test("a process that was started anew under the name, or comes back, begins anew")
    func anew() {
        var watch = MemberWatch(terms)
        #expect(firstDeath(&watch, from: 0, to: 2_000) { _ in [pulse("a", 1)] } == nil)
        #expect(firstDeath(&watch, from: 2_100, to: 10_000) { _ in [pulse("a", 1, start: "2")] } == 4_400)
        watch.forget("a")
        #expect(firstDeath(&watch, from: 4_500, to: 10_000) { _ in [pulse("a", 1, start: "2")] } == 6_800)
    }
}
