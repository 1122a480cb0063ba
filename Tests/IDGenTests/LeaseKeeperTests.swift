import Testing

@testable import IDGen

@Suite("Lease keeper") struct LeaseKeeperTests {
    let lease = GeneratorLease(number: 5, fence: 2, first: 100, mark: 400)

    func keeper() -> LeaseKeeper {
        var keeper = LeaseKeeper(terms: LeaseTerms(ahead: 300, renewBelow: 200))
        keeper.leaseGranted(lease)
        return keeper
    }

    func issue(_ keeper: inout LeaseKeeper, at now: Int64) -> IDSequence.Step {
        var batch = IDBatch(1)
        return keeper.issue { $0.fill(&batch, at: now) }
    }

    @Test("without a lease no id is issued, and there is nothing to renew or release")
    func none() {
        var keeper = LeaseKeeper(terms: .standard)
        #expect(issue(&keeper, at: 100) == .renew)
        #expect(keeper.dueMark(at: 100) == nil)
        #expect(keeper.release() == nil)
    }

    @Test("a renewal is due below the threshold, and the mark counts once the store has it")
    func raised() {
        var keeper = keeper()
        #expect(keeper.dueMark(at: 200) == nil)
        #expect(keeper.dueMark(at: 201) == 501)
        #expect(issue(&keeper, at: 450) == .renew)
        keeper.leaseRenewed(to: 501, isOurs: true)
        #expect(issue(&keeper, at: 450) == .done)
    }

    @Test("a late answer does not lower the mark")
    func neverLower() {
        var keeper = keeper()
        keeper.leaseRenewed(to: 300, isOurs: true)
        #expect(keeper.lease?.mark == 400)
    }

    @Test("after the number is lost to another holder, no id is issued")
    func lost() {
        var keeper = keeper()
        keeper.leaseRenewed(to: 700, isOurs: false)
        #expect(keeper.lease == nil)
        #expect(issue(&keeper, at: 150) == .renew)
    }

    @Test("the next holder begins after the last millisecond used")
    func givenBack() {
        var keeper = keeper()
        #expect(issue(&keeper, at: 150) == .done)
        let back = keeper.release()
        #expect(back?.lease == lease && back?.mark == 151)
        #expect(issue(&keeper, at: 150) == .renew)
    }
}
