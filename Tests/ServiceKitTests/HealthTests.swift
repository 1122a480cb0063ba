import Testing

@testable import ServiceKit

@Suite("Health") struct HealthTests {
    private let health = Health()

    @Test("without components, the process is started and ready")
    func nothing() {
        #expect(health.notStartedReasons.isEmpty)
        #expect(health.notReadyReasons.isEmpty)
    }

    @Test("a startup component delays the start until it is up, and never again")
    func startup() {
        let consuming = health.flag("consuming", .startup)
        #expect(health.notStartedReasons == ["starting: consuming: not yet"])
        #expect(health.notReadyReasons == ["starting: consuming: not yet"])
        consuming.set(.up)
        #expect(health.notStartedReasons.isEmpty)
        #expect(health.notReadyReasons.isEmpty)
        consuming.set(.down("the broker is away"))
        #expect(health.notStartedReasons.isEmpty)
        #expect(health.notReadyReasons.isEmpty)
    }

    @Test("own components make the process unready; dependencies and details do not")
    func roles() {
        let lease = health.flag("lease", .own, initially: .up)
        health.add("postgres", .dependency) { .down("refused") }
        health.add("breaker.redis", .detail) { .down("open") }
        #expect(health.notReadyReasons.isEmpty)
        lease.set(.down("taken by another"))
        #expect(health.notReadyReasons == ["lease: taken by another"])
        lease.set(.degraded("renewal is late"))
        #expect(health.notReadyReasons.isEmpty)
        #expect(health.notStartedReasons.isEmpty)
    }

    @Test("a silent feed is degraded, and down after a longer silence")
    func feed() {
        let patience = Duration.seconds(10)
        #expect(ComponentReport.feed(silentFor: nil, patience: patience) == .up)
        #expect(ComponentReport.feed(silentFor: patience, patience: patience) == .degraded("no events for 10 s"))
        #expect(ComponentReport.feed(silentFor: .seconds(11), patience: patience) == .down("no events for 11 s"))
    }

    @Test("a process that shuts down is not ready")
    func draining() {
        health.flag("lease", .own).set(.up)
        health.drain()
        #expect(health.notReadyReasons == ["draining"])
        #expect(health.notStartedReasons.isEmpty)
    }

    @Test("reports are selected by role; a component with the same name is replaced")
    func reports() {
        health.add("postgres", .dependency) { .up }
        health.add("postgres", .dependency) { .degraded("slow") }
        health.add("lease", .own) { .up }
        #expect(health.reports([.dependency]) == ["postgres": .degraded("slow")])
        #expect(health.reports().count == 2)
    }

    @Test("the wait of a job on the I/O thread is measured; a stuck thread is detected")
    func liveness() async {
        #expect(await Liveness(io: sharedIO, bound: .seconds(60)).turnTime() != nil)
        #expect(await Liveness(io: StuckExecutor(), bound: .milliseconds(1)).turnTime() == nil)
    }
}
