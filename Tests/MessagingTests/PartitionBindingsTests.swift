import Contracts
import Testing

@testable import Messaging

@Suite("Partition bindings") struct PartitionBindingsTests {
    @Test("partitions are bound in slices, and a bound slice is reported before the next")
    func slices() {
        var (bindings, requested) = (PartitionBindings(), PartitionSet())
        bindings.require(PartitionSet(0..<1_000))
        for begin in stride(from: 0, to: 1_000, by: PartitionBindings.slice) {
            let slice = PartitionSet(begin..<min(1_000, begin + PartitionBindings.slice))
            #expect(bindings.bound == PartitionSet(0..<begin))
            #expect(bindings.next(requested: requested) == .bind(slice))
            requested = requested.union(slice)
            bindings.completed(slice, in: bindings.feedGeneration)
        }
        #expect(bindings.bound == PartitionSet(0..<1_000))
        #expect(bindings.next(requested: requested) == .none)
    }

    @Test("binds come before unbinds, and a partition is no longer reported before it is unbound")
    func unbinding() {
        var bindings = PartitionBindings()
        bindings.require(PartitionSet(0..<4))
        bindings.completed(PartitionSet(0..<4), in: bindings.feedGeneration)
        bindings.require(PartitionSet(2..<6))
        #expect(bindings.next(requested: PartitionSet(0..<4)) == .bind(PartitionSet(4..<6)))
        bindings.completed(PartitionSet(4..<6), in: bindings.feedGeneration)
        #expect(bindings.next(requested: PartitionSet(0..<6)) == .unbind(PartitionSet(0..<2)))
        #expect(bindings.bound == PartitionSet(2..<6))
        // Required again before it is unbound.
        bindings.require(PartitionSet(0..<6))
        #expect(bindings.next(requested: PartitionSet(2..<6)) == .bind(PartitionSet(0..<2)))
    }

    @Test(
        "a lost feed has no bindings: earlier requests have no effect, and a new feed starts with its own"
    )
    func lost() {
        var bindings = PartitionBindings()
        bindings.require(PartitionSet(0..<4))
        #expect(bindings.next(requested: PartitionSet()) == .bind(PartitionSet(0..<4)))
        let generation = bindings.feedGeneration
        bindings.feedLost()
        bindings.completed(PartitionSet(0..<4), in: generation)
        #expect(bindings.bound.isEmpty)
        bindings.feedStarted(bound: PartitionSet(0..<3))
        #expect(bindings.bound == PartitionSet(0..<3))
        #expect(bindings.next(requested: PartitionSet(0..<3)) == .bind(PartitionSet([3])))
    }
}
