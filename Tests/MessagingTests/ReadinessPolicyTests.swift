import Testing

@testable import Messaging

@Suite("Readiness policy") struct ReadinessPolicyTests {
    private func isReady(after steps: (inout ReadinessPolicy) -> Void) -> Bool {
        var policy = ReadinessPolicy()
        policy.leaseGranted()
        steps(&policy)
        return policy.isReady
    }

    @Test("an instance is not ready before its first lease")
    func early() {
        var policy = ReadinessPolicy()
        #expect(!policy.isReady)
        policy.leaseMissing(isConnected: false)
        #expect(!policy.isReady)
        policy.leaseGranted()
        #expect(policy.isReady)
    }

    @Test("after two heartbeats without a lease while the broker is available, it is not ready until its next lease")
    func refused() {
        #expect(
            !isReady {
                $0.leaseMissing(isConnected: true)
                $0.leaseMissing(isConnected: true)
            })
        #expect(
            isReady {
                $0.leaseMissing(isConnected: true)
                $0.leaseMissing(isConnected: true)
                $0.leaseGranted()
            })
    }

    @Test("it stays ready while the broker is unavailable, whatever the heartbeats before that returned")
    func silent() {
        #expect(isReady { $0.leaseMissing(isConnected: true) })
        #expect(
            isReady {
                $0.leaseMissing(isConnected: true)
                $0.leaseMissing(isConnected: false)
            })
        #expect(
            isReady {
                $0.leaseMissing(isConnected: true)
                $0.leaseMissing(isConnected: true)
                $0.leaseMissing(isConnected: false)
            })
    }
}
