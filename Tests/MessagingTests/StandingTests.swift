import Testing

@testable import Messaging

@Suite("When an instance is taken out of a balancer") struct StandingTests {
    private func standing(_ steps: (inout Standing) -> Void) -> Bool {
        var standing = Standing()
        standing.hasLease()
        steps(&standing)
        return standing.isGood
    }

    @Test("not before it was a member once")
    func early() {
        var standing = Standing()
        #expect(!standing.isGood)
        standing.hasNoLease(isConnected: false)
        #expect(!standing.isGood)
        standing.hasLease()
        #expect(standing.isGood)
    }

    @Test("when it is left without a lease twice, the broker being there; until it has one again")
    func refused() {
        #expect(
            !standing {
                $0.hasNoLease(isConnected: true)
                $0.hasNoLease(isConnected: true)
            })
        #expect(
            standing {
                $0.hasNoLease(isConnected: true)
                $0.hasNoLease(isConnected: true)
                $0.hasLease()
            })
    }

    @Test("not when the broker has just fallen silent, however the heartbeats before that ended")
    func silent() {
        #expect(standing { $0.hasNoLease(isConnected: true) })
        #expect(
            standing {
                $0.hasNoLease(isConnected: true)
                $0.hasNoLease(isConnected: false)
            })
        #expect(
            standing {
                $0.hasNoLease(isConnected: true)
                $0.hasNoLease(isConnected: true)
                $0.hasNoLease(isConnected: false)
            })
    }
}
