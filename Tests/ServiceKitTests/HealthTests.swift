import Testing

@testable import ServiceKit

@Suite struct HealthTests {
    private let health = Health()

    @Test("without components the process is started and ready")
    func nothing() {
        #expect(health.missing.isEmpty)
        #expect(health.unready.isEmpty)
    }

    @Test("what must have been up once holds the start back until it was, and never again")
    func startup() {
        let consuming = health.flag("consuming", .startup)
        #expect(health.missing == ["starting: consuming: not yet"])
        #expect(health.unready == ["starting: consuming: not yet"])
        consuming.set(.up)
        #expect(health.missing.isEmpty)
        #expect(health.unready.isEmpty)
        consuming.set(.down("the broker is away"))
        #expect(health.missing.isEmpty)
        #expect(health.unready.isEmpty)
    }

    @Test("own reasons make the process unready, shared dependencies and details do not")
    func roles() {
        let lease = health.flag("lease", .own, initially: .up)
        health.add("postgres", .dependency) { .down("refused") }
        health.add("breaker.redis", .detail) { .down("open") }
        #expect(health.unready.isEmpty)
        lease.set(.down("taken by another"))
        #expect(health.unready == ["lease: taken by another"])
        lease.set(.degraded("renewal is late"))
        #expect(health.unready.isEmpty)
        #expect(health.missing.isEmpty)
    }

    @Test("a feed that has fallen silent is not as it should be, and down once that lasts too long")
    func feed() {
        let patience = Duration.seconds(10)
        #expect(ComponentReport.feed(silentFor: nil, patience: patience) == .up)
        #expect(ComponentReport.feed(silentFor: patience, patience: patience) == .degraded("no news for 10 s"))
        #expect(ComponentReport.feed(silentFor: .seconds(11), patience: patience) == .down("no news for 11 s"))
    }

    @Test("a process that stops is not ready, whatever else holds")
    func draining() {
        health.flag("lease", .own).set(.up)
        health.drain()
        #expect(health.unready == ["draining"])
        #expect(health.missing.isEmpty)
    }

    @Test("reports come by role; a name used again is replaced")
    func reports() {
        health.add("postgres", .dependency) { .up }
        health.add("postgres", .dependency) { .degraded("slow") }
        health.add("lease", .own) { .up }
        #expect(health.reports([.dependency]) == ["postgres": .degraded("slow")])
        #expect(health.reports().count == 2)
    }

    @Test("an I/O thread that turns says how long a job waits; one that does not is found out")
    func liveness() async {
        #expect(await Liveness(io: sharedIO, bound: .seconds(60)).turnTime() != nil)
        #expect(await Liveness(io: NeverTurning(), bound: .milliseconds(1)).turnTime() == nil)
    }
}
