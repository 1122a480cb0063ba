import Contracts
import Testing

@testable import Messaging

@Suite("Binding deliveries") struct BindingsTests {
    @Test("many are bound some at a time, and those that are say so while the rest is not")
    func slices() {
        var (bindings, asked) = (Bindings(), PartitionSet())
        bindings.want(PartitionSet(0..<1_000))
        for begin in stride(from: 0, to: 1_000, by: Bindings.slice) {
            let slice = PartitionSet(begin..<min(1_000, begin + Bindings.slice))
            #expect(bindings.bound == PartitionSet(0..<begin))
            #expect(bindings.next(asked: asked) == .bind(slice))
            asked = asked.union(slice)
            bindings.areBound(slice, in: bindings.life)
        }
        #expect(bindings.bound == PartitionSet(0..<1_000))
        #expect(bindings.next(asked: asked) == .nothing)
    }

    @Test("what is not wanted any more is said to be gone before it is; what is wanted comes first")
    func unbinding() {
        var bindings = Bindings()
        bindings.want(PartitionSet(0..<4))
        bindings.areBound(PartitionSet(0..<4), in: bindings.life)
        bindings.want(PartitionSet(2..<6))
        #expect(bindings.next(asked: PartitionSet(0..<4)) == .bind(PartitionSet(4..<6)))
        bindings.areBound(PartitionSet(4..<6), in: bindings.life)
        #expect(bindings.next(asked: PartitionSet(0..<6)) == .unbind(PartitionSet(0..<2)))
        #expect(bindings.bound == PartitionSet(2..<6))
        // Wanted again before it is gone.
        bindings.want(PartitionSet(0..<6))
        #expect(bindings.next(asked: PartitionSet(2..<6)) == .bind(PartitionSet(0..<2)))
    }

    @Test(
        "a feed that was lost has nothing; what was asked of it before is not taken for bound, but all that it comes back with is"
    )
    func lost() {
        var bindings = Bindings()
        bindings.want(PartitionSet(0..<4))
        #expect(bindings.next(asked: PartitionSet()) == .bind(PartitionSet(0..<4)))
        let life = bindings.life
        bindings.feedIsLost()
        bindings.areBound(PartitionSet(0..<4), in: life)
        #expect(bindings.bound.isEmpty)
        bindings.feedIsBack(with: PartitionSet(0..<3))
        #expect(bindings.bound == PartitionSet(0..<3))
        #expect(bindings.next(asked: PartitionSet(0..<3)) == .bind(PartitionSet([3])))
    }
}
