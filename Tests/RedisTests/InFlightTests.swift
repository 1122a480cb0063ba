import Testing

@testable import Redis

@Suite struct InFlightTests {
    @Test("answers go to those who asked, in the order of asking")
    func order() {
        var waiting = InFlight<String>()
        waiting.append("a", sentAt: 0, deadline: 10)
        waiting.append("b", sentAt: 1, deadline: 10)
        #expect(waiting.answered() == "a")
        #expect(waiting.answered() == "b")
        #expect(waiting.answered() == .none)
    }

    @Test("who stops waiting leaves a place that swallows the answer")
    func abandoned() {
        var waiting = InFlight<String>()
        let ticket = waiting.nextTicket
        waiting.append("a", sentAt: 0, deadline: 10)
        waiting.append("b", sentAt: 0, deadline: 10)
        #expect(waiting.abandon(ticket) == "a")
        #expect(waiting.abandon(ticket) == nil)
        #expect(waiting.count == 2)
        #expect(waiting.answered() == .some(nil))
        #expect(waiting.answered() == "b")
        #expect(waiting.abandon(ticket) == nil)
    }

    @Test("a ticket of a lost connection names nobody on the next")
    func oldTicket() {
        var waiting = InFlight<String>()
        let ticket = waiting.nextTicket
        waiting.append("a", sentAt: 0, deadline: 10)
        #expect(waiting.removeAll() == ["a"])
        waiting.append("b", sentAt: 0, deadline: 10)
        #expect(waiting.abandon(ticket) == nil)
        #expect(waiting.answered() == "b")
    }

    @Test("those whose time is up are told, whatever stands before them, and the next look is at the earliest deadline left")
    func deadlines() {
        var waiting = InFlight<String>()
        waiting.append("patient", sentAt: 0, deadline: 100)
        waiting.append("hasty", sentAt: 1, deadline: 5)
        waiting.append("usual", sentAt: 2, deadline: 20)
        #expect(waiting.earliestDeadline == 5)
        #expect(waiting.expire(at: 4) == [])
        #expect(waiting.expire(at: 5) == ["hasty"])
        #expect(waiting.earliestDeadline == 20)
        #expect(waiting.oldestSentAt == 0)
        #expect(waiting.answered() == "patient")
        #expect(waiting.answered() == .some(nil))
        #expect(waiting.answered() == "usual")
    }
}
