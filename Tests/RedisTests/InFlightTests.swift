import Testing

@testable import Redis

@Suite struct InFlightTests {
    /// One that waits, under a name.
    private func add(_ name: String, to inFlight: inout InFlight<String>, sentAt: Int64 = 0, deadline: Int64 = 10)
        -> InFlight<String>.Ticket
    {
        let ticket = inFlight.reserve(sentAt: sentAt, deadline: deadline)
        #expect(inFlight.wait(ticket, name) == true)
        return ticket
    }

    private func names(_ parties: [InFlight<String>.Party?]) -> [String] {
        parties.map { party in
            switch party {
            case .waiter(let name): name
            case .reserved: "reserved"
            case .nobody: "nobody"
            case nil: "none due"
            }
        }
    }

    @Test("answers go to those who asked, in the order of asking")
    func order() {
        var waiting = InFlight<String>()
        _ = add("a", to: &waiting)
        _ = add("b", to: &waiting)
        #expect(names([waiting.answered(), waiting.answered(), waiting.answered()]) == ["a", "b", "none due"])
    }

    @Test("who stops waiting leaves a place that swallows the answer")
    func left() {
        var waiting = InFlight<String>()
        let ticket = add("a", to: &waiting)
        _ = add("b", to: &waiting)
        #expect(names([waiting.leave(ticket), waiting.leave(ticket)]) == ["a", "nobody"])
        #expect(waiting.count == 2)
        #expect(names([waiting.answered(), waiting.answered()]) == ["nobody", "b"])
        #expect(names([waiting.leave(ticket)]) == ["nobody"])
    }

    @Test(
        "what is decided before somebody comes to wait is kept for them",
        arguments: ["answer", "timeout", "loss", "cancellation"])
    func reserved(how: String) {
        var waiting = InFlight<String>()
        let ticket = waiting.reserve(sentAt: 0, deadline: 5)
        let party: InFlight<String>.Party? =
            switch how {
            case "answer": waiting.answered()
            case "timeout": waiting.expire(at: 5).first
            case "loss": waiting.removeAll().first
            default: waiting.leave(ticket)
            }
        guard case .reserved(ticket) = party else { Issue.record("kept for nobody"); return }
        #expect(waiting.wait(ticket, "late") == false)
    }

    @Test("a ticket of a lost connection names nobody on the next")
    func oldTicket() {
        var waiting = InFlight<String>()
        let ticket = add("a", to: &waiting)
        #expect(names(waiting.removeAll()) == ["a"])
        _ = add("b", to: &waiting)
        #expect(names([waiting.leave(ticket), waiting.answered()]) == ["nobody", "b"])
    }

    @Test("those whose time is up are told, whatever stands before them, and the next look is at the earliest deadline left")
    func deadlines() {
        var waiting = InFlight<String>()
        _ = add("patient", to: &waiting, sentAt: 0, deadline: 100)
        _ = add("hasty", to: &waiting, sentAt: 1, deadline: 5)
        _ = add("usual", to: &waiting, sentAt: 2, deadline: 20)
        #expect(waiting.earliestDeadline == 5)
        #expect(names(waiting.expire(at: 4)) == [])
        #expect(names(waiting.expire(at: 5)) == ["hasty"])
        #expect(waiting.earliestDeadline == 20)
        #expect(waiting.oldestSentAt == 0)
        #expect(names([waiting.answered(), waiting.answered(), waiting.answered()]) == ["patient", "nobody", "usual"])
    }
}
