import NIOCore
import NIOHTTP1
import Testing

@testable import BFF

@Suite("Time on a connection") struct ConnectionTimeoutsTests {
    @Test("waiting for a request, for a body and for the reader are bounded; work is not")
    func bounds() {
        let start = NIODeadline.uptimeNanoseconds(1)
        var times = ConnectionTimeouts(now: start)
        #expect(times.verdict(at: start) == .wait(until: start + .seconds(60)))
        #expect(times.verdict(at: start + .seconds(60)) == .expired(.idle))
        for (phase, seconds) in [(ConnectionTimeouts.Phase.body, Int64(10)), (.writing, 30)] {
            times.enter(phase, at: start)
            #expect(times.verdict(at: start + .seconds(seconds) - .nanoseconds(1)) == .wait(until: start + .seconds(seconds)))
            #expect(times.verdict(at: start + .seconds(seconds)) == .expired(phase))
        }
        times.enter(.writing, at: start + .seconds(29))
        #expect(times.verdict(at: start + .seconds(30)) == .expired(.writing))
        times.enter(.working, at: start)
        #expect(times.verdict(at: start + .hours(1)) == .never)
    }
}

@Suite("Dates in headers") struct HTTPDateTests {
    @Test(
        "are as RFC 9110 has them",
        arguments: [(0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT")])
    func format(second: Int, text: String) { #expect(HTTPDate.text(second) == text) }
}

@Suite("The query") struct QueryStringTests {
    @Test("is read as forms write it: first of a name, + for a space, percent-encoded UTF-8")
    func values() throws {
        let query = QueryString("a=1&search=ada+l%C3%B8v&search=x&empty=&flag&b%20=2")
        #expect(try query.value(of: "search") == "ada løv")
        #expect(try query.value(of: "a") == "1")
        #expect(try query.value(of: "empty")?.isEmpty == true)
        #expect(try query.value(of: "flag")?.isEmpty == true)
        #expect(try query.value(of: "absent") == nil)
    }

    @Test("a value that is no UTF-8, or badly escaped, is refused", arguments: ["%", "%4", "%zz", "%FF", "%C3", "a%0"])
    func bad(value: String) { #expect(throws: Problem.self) { try QueryString("q=\(value)").value(of: "q") } }
}
