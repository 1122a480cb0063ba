import Bus
import Contracts
import Synchronization
import TestSupport

/// An instance of `messaging` that a test plays: it follows each assignment at once.
final class ScriptedMember: Sendable {
    private struct State {
        var epoch: Int64 = 0
        var bound = PartitionSet()
        var served = PartitionSet()
        var isLeaving = false
        /// It never disconnects its clients.
        var keepsClients = false
    }

    let name: String
    let incarnation = TestStack.uniqueName("start")
    let partitionCount: Int
    private let state = Mutex(State())

    init(_ name: String, partitions: Int = 60) {
        self.name = name
        partitionCount = partitions
    }

    var served: PartitionSet { state.withLock(\.served) }
    var bound: PartitionSet { state.withLock(\.bound) }
    var epoch: Int64 { state.withLock(\.epoch) }
    func leave() { state.withLock { $0.isLeaving = true } }
    func setKeepsClients(_ keepsClients: Bool) { state.withLock { $0.keepsClients = keepsClients } }

    func heartbeat() -> Heartbeat {
        state.withLock { state in
            Heartbeat(
                instance: name, incarnation: incarnation, url: "ws://\(name):8084/rt", partitionCount: partitionCount,
                epoch: state.epoch, bound: state.bound, served: state.served,
                load: .init(connections: 10, cpu: 0.5, outboundBytes: 1_000), isLeaving: state.isLeaving)
        }
    }

    /// Sends one heartbeat. A failure that a member may repeat changes nothing.
    func sendHeartbeat(_ bus: Bus) async throws {
        do { follow(try await bus.call(heartbeat())) } catch let error {
            guard [.unavailable, .deadlineExceeded, .unknownOutcome].contains(error.code) else { throw error }
        }
    }

    func follow(_ answer: Heartbeat.Response) {
        state.withLock { state in
            if answer.epoch < state.epoch { return }
            state.epoch = answer.epoch
            state.served = state.keepsClients ? state.served.union(answer.serve) : answer.serve
            state.bound = answer.bind.union(state.served)
        }
    }
}
