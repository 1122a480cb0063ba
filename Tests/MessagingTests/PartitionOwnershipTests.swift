import Contracts
import Testing

@testable import Messaging

@Suite("What an instance owns, and for how long") struct PartitionOwnershipTests {
    private static let everything = PartitionSet(0..<4)
    private let start = ContinuousClock.now

    private func answer(_ serve: PartitionSet, epoch: Int64) -> Heartbeat.Response {
        .init(epoch: epoch, leaseMilliseconds: 2_000, bind: serve, serve: serve)
    }

    /// It has everything, since `start`.
    private func owner() -> PartitionOwnership {
        var ownership = PartitionOwnership(partitionCount: 4)
        let isTaken = ownership.apply(answer(Self.everything, epoch: 1), sentAt: start)
        #expect(isTaken)
        return ownership
    }

    @Test("a lease runs from when it was asked for, and goes on when nobody can give anything away")
    func extended() {
        var ownership = owner()
        #expect(ownership.hasLease(at: start + .milliseconds(1_999)))
        #expect(!ownership.hasLease(at: start + .milliseconds(2_000)))
        ownership.extend(by: .seconds(2), sentAt: start + .milliseconds(1_500))
        #expect(ownership.verdict(on: 0, at: start + .milliseconds(3_499)) == .accept)
        #expect(ownership.verdict(on: 0, at: start + .milliseconds(3_500)) == .unknown)
    }

    @Test("a lease that has run out stays so until config assigns anew: others may have what was ours")
    func notRevived() {
        var ownership = owner()
        // It stood still for five seconds, and nobody answers its first heartbeat.
        ownership.extend(by: .seconds(2), sentAt: start + .milliseconds(5_000))
        #expect(ownership.verdict(on: 0, at: start + .milliseconds(5_001)) == .unknown)
        ownership.extend(by: .seconds(2), sentAt: start + .milliseconds(2_000))
        #expect(!ownership.hasLease(at: start + .milliseconds(2_001)))
        let isTaken = ownership.apply(answer(PartitionSet([3]), epoch: 2), sentAt: start + .milliseconds(5_500))
        #expect(isTaken)
        #expect(ownership.verdict(on: 0, at: start + .milliseconds(5_501)) == .elsewhere)
        #expect(ownership.verdict(on: 3, at: start + .milliseconds(5_501)) == .accept)
    }

    @Test("who never had a lease gets none because nobody answers")
    func never() {
        var ownership = PartitionOwnership(partitionCount: 4)
        ownership.extend(by: .seconds(2), sentAt: start)
        #expect(!ownership.hasLease(at: start))
    }
}
