import Contracts
import Testing

@testable import Messaging

@Suite("Ownership of partitions") struct PartitionOwnershipTests {
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

    @Test("a lease runs from when its heartbeat was sent, and is extended while config cannot reassign")
    func extended() {
        var ownership = owner()
        #expect(ownership.hasLease(at: start + .milliseconds(1_999)))
        #expect(!ownership.hasLease(at: start + .milliseconds(2_000)))
        ownership.extend(by: .seconds(2), sentAt: start + .milliseconds(1_500))
        #expect(ownership.verdict(on: 0, at: start + .milliseconds(3_499)) == .accept)
        #expect(ownership.verdict(on: 0, at: start + .milliseconds(3_500)) == .unknown)
    }

    @Test("an expired lease is not extended: another instance may own the partitions")
    func notRevived() {
        var ownership = owner()
        // The process was suspended for five seconds, and its first heartbeat is not answered.
        ownership.extend(by: .seconds(2), sentAt: start + .milliseconds(5_000))
        #expect(ownership.verdict(on: 0, at: start + .milliseconds(5_001)) == .unknown)
        ownership.extend(by: .seconds(2), sentAt: start + .milliseconds(2_000))
        #expect(!ownership.hasLease(at: start + .milliseconds(2_001)))
        let isTaken = ownership.apply(answer(PartitionSet([3]), epoch: 2), sentAt: start + .milliseconds(5_500))
        #expect(isTaken)
        #expect(ownership.verdict(on: 0, at: start + .milliseconds(5_501)) == .elsewhere)
        #expect(ownership.verdict(on: 3, at: start + .milliseconds(5_501)) == .accept)
    }

    @Test("an instance without a lease does not get one by an extension")
    func never() {
        var ownership = PartitionOwnership(partitionCount: 4)
        ownership.extend(by: .seconds(2), sentAt: start)
        #expect(!ownership.hasLease(at: start))
    }
}
