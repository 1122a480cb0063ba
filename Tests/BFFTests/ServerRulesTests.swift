import Edge
import Testing

@testable import BFF

@Suite("Timeouts of a connection") struct ConnectionTimeoutsTests {
    @Test("waits for a request, a body and the reader are bounded; work is not")
    func bounds() {
        let start = Duration.nanoseconds(1)
        var timeouts = ConnectionTimeouts(now: start)
        #expect(timeouts.verdict(at: start) == .wait(until: start + .seconds(60)))
        #expect(timeouts.verdict(at: start + .seconds(60)) == .expired(.idle))
        for (phase, seconds) in [(ConnectionTimeouts.Phase.body, Int64(10)), (.writing, 30)] {
            timeouts.enter(phase, at: start)
            #expect(timeouts.verdict(at: start + .seconds(seconds) - .nanoseconds(1)) == .wait(until: start + .seconds(seconds)))
            #expect(timeouts.verdict(at: start + .seconds(seconds)) == .expired(phase))
        }
        timeouts.enter(.writing, at: start + .seconds(29))
        #expect(timeouts.verdict(at: start + .seconds(30)) == .expired(.writing))
        timeouts.enter(.working, at: start)
        #expect(timeouts.verdict(at: start + .seconds(3_600)) == .unlimited)
    }
}

@Suite("Requests from their parts") struct RequestAssemblyTests {
    @Test("a body may have 64 KiB, declared or not; one byte more is too large")
    func bounds() {
        var assembly = RequestAssembly()
        let limit = RequestAssembly.maximumBody
        #expect(assembly.receiveHead(contentLength: limit, expectsContinue: false) == .incomplete)
        #expect(assembly.isUnderWay)
        for _ in 0..<2 { #expect(assembly.receiveBody(byteCount: limit / 2) == .incomplete) }
        #expect(assembly.receiveEnd() == .complete)
        #expect(!assembly.isUnderWay)
        #expect(assembly.receiveHead(contentLength: nil, expectsContinue: false) == .incomplete)
        #expect(assembly.receiveBody(byteCount: limit) == .incomplete)
        #expect(assembly.receiveBody(byteCount: 1) == .tooLarge)
        #expect(assembly.receiveEnd() == .ignored)
        var declared = RequestAssembly()
        #expect(declared.receiveHead(contentLength: limit + 1, expectsContinue: true) == .tooLarge)
        #expect(declared.receiveBody(byteCount: 1) == .ignored)
    }

    @Test("a client that expects 100 Continue gets it, unless its body is too large")
    func expectation() {
        var assembly = RequestAssembly()
        #expect(assembly.receiveHead(contentLength: 1, expectsContinue: true) == .sendContinue)
        #expect(assembly.isUnderWay)
    }
}

@Suite("Dates in headers") struct HTTPDateTests {
    @Test(
        "have the form of RFC 9110",
        arguments: [(0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT")])
    func format(second: Int, text: String) { #expect(HTTPDate.text(second) == text) }
}

@Suite("The query") struct QueryStringTests {
    @Test("follows HTML forms: the first of a name, + for a space, percent-encoded UTF-8")
    func values() throws {
        let query = QueryString("a=1&search=ada+l%C3%B8v&search=x&empty=&flag&b%20=2")
        #expect(try query.value(of: "search") == "ada løv")
        #expect(try query.value(of: "a") == "1")
        #expect(try query.value(of: "empty")?.isEmpty == true)
        #expect(try query.value(of: "flag")?.isEmpty == true)
        #expect(try query.value(of: "absent") == nil)
    }

    @Test("a value that is not percent-encoded UTF-8 is an error", arguments: ["%", "%4", "%zz", "%FF", "%C3", "a%0"])
    func bad(value: String) { #expect(throws: Problem.self) { try QueryString("q=\(value)").value(of: "q") } }
}
