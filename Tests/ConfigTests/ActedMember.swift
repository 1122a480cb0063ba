import Bus
import Contracts
import Synchronization
import TestSupport

/// An instance of `messaging` as a test plays it: it does at once what it is told.
final class ActedMember: Sendable {
    private struct State {
        var epoch: Int64 = 0
        var bound = PartitionSet()
        var served = PartitionSet()
        var isLeaving = false
        /// It closes no clients.
        var isStubborn = false
    }

    let name: String
    let incarnation = TestStack.uniqueName("start")
    let partitionCount: Int
    private let state = Mutex(State())

    init(_ name: String, partitions: Int = 60) { (self.name, partitionCount) = (name, partitions) }

    var served: PartitionSet { state.withLock(\.served) }
    var bound: PartitionSet { state.withLock(\.bound) }
    var epoch: Int64 { state.withLock(\.epoch) }
    func leave() { state.withLock { $0.isLeaving = true } }
    func setStubborn(_ isStubborn: Bool) { state.withLock { $0.isStubborn = isStubborn } }

    func heartbeat() -> Heartbeat {
        state.withLock { state in
            Heartbeat(
                instance: name, incarnation: incarnation, url: "ws://\(name):8084/rt", partitionCount: partitionCount,
                epoch: state.epoch, bound: state.bound, served: state.served,
                load: .init(connections: 10, cpu: 0.5, outboundBytes: 1_000), isLeaving: state.isLeaving)
        }
    }

    /// An answer that does not come, or says to ask again, changes nothing.
    func beat(_ bus: Bus) async throws {
        do { follow(try await bus.call(heartbeat())) } catch let error {
            guard [.unavailable, .deadlineExceeded, .unknownOutcome].contains(error.code) else { throw error }
        }
    }

    func follow(_ answer: Heartbeat.Response) {
        state.withLock { state in
            if answer.epoch < state.epoch { return }
            state.epoch = answer.epoch
            state.served = state.isStubborn ? state.served.union(answer.serve) : answer.serve
            state.bound = answer.bind.union(state.served)
        }
    }
}
