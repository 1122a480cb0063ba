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

    @Test("a process that was started anew under the name, or comes back, begins anew")
    func anew() {
        var watch = MemberWatch(terms)
        #expect(firstDeath(&watch, from: 0, to: 2_000) { _ in [pulse("a", 1)] } == nil)
        #expect(firstDeath(&watch, from: 2_100, to: 10_000) { _ in [pulse("a", 1, start: "2")] } == 4_400)
        watch.forget("a")
        #expect(firstDeath(&watch, from: 4_500, to: 10_000) { _ in [pulse("a", 1, start: "2")] } == 6_800)
    }
}
