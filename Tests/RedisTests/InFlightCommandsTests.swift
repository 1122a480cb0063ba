import Testing

@testable import Redis

@Suite("Commands in flight") struct InFlightCommandsTests {
    /// Adds a command whose waiter is attached and has a name.
    private func add(_ name: String, to inFlight: inout InFlightCommands<String>, sentAt: Int64 = 0, deadline: Int64 = 10)
        -> InFlightCommands<String>.Ticket
    {
        let ticket = inFlight.reserve(sentAt: sentAt, deadline: deadline)
        #expect(inFlight.attach(name, to: ticket) == true)
        return ticket
    }

    private func names(_ recipients: [InFlightCommands<String>.Recipient?]) -> [String] {
        recipients.map { recipient in
            switch recipient {
            case .waiter(let name): name
            case .reserved: "reserved"
            case .discarded: "abandoned"
            case nil: "none due"
            }
        }
    }

    @Test("replies go to the waiters in the order of their commands")
    func order() {
        var commands = InFlightCommands<String>()
        _ = add("a", to: &commands)
        _ = add("b", to: &commands)
        #expect(names([commands.completeNext(), commands.completeNext(), commands.completeNext()]) == ["a", "b", "none due"])
    }

    @Test("the reply to an abandoned command is discarded")
    func abandoned() {
        var commands = InFlightCommands<String>()
        let ticket = add("a", to: &commands)
        _ = add("b", to: &commands)
        #expect(names([commands.abandon(ticket), commands.abandon(ticket)]) == ["a", "abandoned"])
        #expect(commands.count == 2)
        #expect(names([commands.completeNext(), commands.completeNext()]) == ["abandoned", "b"])
        #expect(names([commands.abandon(ticket)]) == ["abandoned"])
    }

    @Test(
        "a result that comes before the waiter is attached is kept for it",
        arguments: ["reply", "timeout", "loss", "cancellation"])
    func reserved(how: String) {
        var commands = InFlightCommands<String>()
        let ticket = commands.reserve(sentAt: 0, deadline: 5)
        let recipient: InFlightCommands<String>.Recipient? =
            switch how {
            case "reply": commands.completeNext()
            case "timeout": commands.expire(at: 5).first
            case "loss": commands.removeAll().first
            default: commands.abandon(ticket)
            }
        guard case .reserved(ticket) = recipient else { Issue.record("the result has no recipient"); return }
        #expect(commands.attach("late", to: ticket) == false)
    }

    @Test("a ticket of a lost connection matches no command of the next")
    func oldTicket() {
        var commands = InFlightCommands<String>()
        let ticket = add("a", to: &commands)
        #expect(names(commands.removeAll()) == ["a"])
        _ = add("b", to: &commands)
        #expect(names([commands.abandon(ticket), commands.completeNext()]) == ["abandoned", "b"])
    }

    @Test("commands expire at their deadlines in any order, and the earliest remaining deadline is known")
    func deadlines() {
        var commands = InFlightCommands<String>()
        _ = add("patient", to: &commands, sentAt: 0, deadline: 100)
        _ = add("hasty", to: &commands, sentAt: 1, deadline: 5)
        _ = add("usual", to: &commands, sentAt: 2, deadline: 20)
        #expect(commands.earliestDeadline == 5)
        #expect(names(commands.expire(at: 4)) == [])
        #expect(names(commands.expire(at: 5)) == ["hasty"])
        #expect(commands.earliestDeadline == 20)
        #expect(commands.oldestSentAt == 0)
        #expect(
            names([commands.completeNext(), commands.completeNext(), commands.completeNext()]) == [
                "patient", "abandoned", "usual",
            ])
    }
}
