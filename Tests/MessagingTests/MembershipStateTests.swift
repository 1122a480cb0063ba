import Contracts
import Testing

@testable import Messaging

/// Each test is a transcript: an event, then the expected actions.
@Suite("Membership state") struct MembershipStateTests {
    private static let start = ContinuousClock.now
    private static let everything = PartitionSet(0..<8)
    private static let load = Heartbeat.Load(connections: 0, cpu: 0, outboundBytes: 0)

    private static func at(_ milliseconds: Int) -> ContinuousClock.Instant { start + .milliseconds(milliseconds) }

    private static func response(_ epoch: Int64 = 1, serve: PartitionSet = everything) -> Heartbeat.Response {
        .init(epoch: epoch, leaseMilliseconds: 2_000, bind: serve, serve: serve)
    }

    private static func routes(_ partitions: [String: [Int]], epoch: Int64 = 1) -> Routes {
        Routes(
            epoch: epoch, partitionCount: 8,
            instances: partitions.sorted { $0.key < $1.key }.map {
                .init(name: $0.key, url: "ws://x", partitions: PartitionSet($0.value))
            })
    }

    /// A state whose feed has started without bindings.
    private static func started() -> MembershipState {
        var state = MembershipState(.init(instance: "m", incarnation: "1", url: "ws://m", partitionCount: 8))
        #expect(state.feedStarted(bound: PartitionSet()) == [.updateBindings, .sendHeartbeat])
        return state
    }

    /// A state whose heartbeat at 0 was answered.
    private static func member() -> MembershipState {
        var state = started()
        #expect(
            state.answered(response(), sentAt: at(0), at: at(5)) == [
                .leaseGranted, .setReady(true), .applyAssignment(response(), sentAt: at(0)),
            ])
        return state
    }

    private func heartbeat(
        _ state: MembershipState, _ report: GatewayReport = GatewayReport(), canServe: Bool = true, at time: Int = 0
    ) -> Heartbeat? {
        state.heartbeat(report, load: Self.load, canServe: canServe, at: Self.at(time))
    }

    // MARK: Heartbeats

    @Test("no heartbeat is sent before the feed has started and tokens can be verified")
    func early() {
        var state = MembershipState(.init(instance: "m", incarnation: "1", url: "ws://m", partitionCount: 8))
        #expect(heartbeat(state) == nil)
        _ = state.feedStarted(bound: PartitionSet())
        #expect(heartbeat(state, canServe: false) == nil)
        #expect(heartbeat(state) != nil)
        state.feedLost()
        #expect(heartbeat(state) != nil)
    }

    @Test("a member sends heartbeats even when it can no longer verify tokens, until its lease is lost")
    func withoutKeys() {
        var state = Self.member()
        #expect(heartbeat(state, canServe: false) != nil)
        #expect(state.leaseChecked(isValid: false, isConnected: true) == [.leaseLost])
        #expect(heartbeat(state, canServe: false) == nil)
    }

    @Test("a heartbeat contains one report of the gateway and the bound partitions")
    func content() throws {
        var state = Self.started()
        _ = state.assignmentApplied(
            GatewayReport(epoch: 3, assigned: PartitionSet([1, 2])), sent: try #require(heartbeat(state)))
        #expect(state.nextBinding(requested: PartitionSet()) == .bind(PartitionSet([1, 2])))
        #expect(state.bound(PartitionSet([1, 2]), in: state.feedGeneration) == [.sendHeartbeat])
        let report = GatewayReport(epoch: 3, held: PartitionSet([2, 5]), assigned: PartitionSet([1, 2]))
        let sent = try #require(heartbeat(state, report))
        #expect(sent.instance == "m" && sent.incarnation == "1" && sent.url == "ws://m" && sent.partitionCount == 8)
        #expect(sent.epoch == 3 && sent.served == PartitionSet([2, 5]) && sent.bound == PartitionSet([1, 2]))
        #expect(!sent.isLeaving)
    }

    // MARK: Leases

    @Test("a lease is granted once and renewed without further actions than the assignment")
    func renewed() {
        var state = Self.member()
        for second in 1...3 {
            let sentAt = Self.at(second * 500)
            #expect(
                state.answered(Self.response(), sentAt: sentAt, at: sentAt)
                    == [.applyAssignment(Self.response(), sentAt: sentAt)])
        }
    }

    @Test("an answer with a lower epoch renews nothing: the gateway ignores it, the state only stays a member")
    func lowerEpoch() {
        var (state, ownership) = (Self.member(), PartitionOwnership(partitionCount: 8))
        #expect(ownership.apply(Self.response(5), sentAt: Self.at(0)) == true)
        let older = Self.response(4, serve: PartitionSet([1]))
        #expect(
            state.answered(older, sentAt: Self.at(500), at: Self.at(505)) == [.applyAssignment(older, sentAt: Self.at(500))])
        #expect(ownership.apply(older, sentAt: Self.at(500)) == false)
        #expect(ownership.served == Self.everything && !ownership.hasLease(at: Self.at(2_000)))
        let newer = Self.response(6, serve: PartitionSet([1]))
        #expect(ownership.apply(newer, sentAt: Self.at(1_000)) == true)
        #expect(ownership.served == PartitionSet([1]) && ownership.hasLease(at: Self.at(2_999)))
    }

    @Test("a standstill extends the lease from when the heartbeat was sent")
    func standstill() {
        var state = Self.member()
        #expect(
            state.failed(.standstill, sentAt: Self.at(500)) == [.extendLease(by: .seconds(2), sentAt: Self.at(500))])
        #expect(state.leaseChecked(isValid: true, isConnected: true) == [])
    }

    @Test("when another config can answer, the next heartbeat follows after 50 ms and no lease is extended")
    func askAnother() {
        var state = Self.member()
        #expect(state.failed(.askAnother, sentAt: Self.at(500)) == [.sendHeartbeatAfter(.milliseconds(50))])
    }

    @Test("an unanswered heartbeat changes nothing while the lease is valid")
    func unanswered() {
        var state = Self.member()
        for time in [500, 1_000] {
            #expect(state.failed(.unanswered, sentAt: Self.at(time)) == [])
            #expect(state.leaseChecked(isValid: true, isConnected: true) == [])
        }
    }

    @Test("a lost lease is reported once; after two failures in a row the instance is not ready; the next answer restores both")
    func lost() {
        var state = Self.member()
        #expect(state.failed(.unanswered, sentAt: Self.at(2_500)) == [])
        #expect(state.leaseChecked(isValid: false, isConnected: true) == [.leaseLost])
        #expect(state.leaseChecked(isValid: false, isConnected: true) == [.setReady(false)])
        #expect(state.leaseChecked(isValid: false, isConnected: true) == [])
        let response = Self.response(2, serve: PartitionSet([3]))
        #expect(
            state.answered(response, sentAt: Self.at(4_000), at: Self.at(4_001)) == [
                .leaseGranted, .setReady(true), .applyAssignment(response, sentAt: Self.at(4_000)),
            ])
    }

    @Test("without the broker a lost lease leaves the instance ready")
    func brokerAway() {
        var state = Self.member()
        #expect(state.leaseChecked(isValid: false, isConnected: false) == [.leaseLost])
        for _ in 0..<5 { #expect(state.leaseChecked(isValid: false, isConnected: false) == []) }
        #expect(state.leaseChecked(isValid: false, isConnected: true) == [])
        #expect(state.leaseChecked(isValid: false, isConnected: true) == [.setReady(false)])
        #expect(state.leaseChecked(isValid: false, isConnected: false) == [.setReady(true)])
    }

    @Test("an instance that never had a lease is reported as not ready at its first failure")
    func refused() {
        var state = Self.started()
        #expect(state.failed(.unanswered, sentAt: Self.at(0)) == [])
        #expect(state.leaseChecked(isValid: false, isConnected: true) == [.setReady(false)])
    }

    // MARK: Assignments and deliveries

    @Test("an applied assignment is bound; a heartbeat follows at once only when the held partitions have changed")
    func applied() throws {
        var state = Self.member()
        let report = GatewayReport(epoch: 1, held: PartitionSet([1]), assigned: PartitionSet([1, 2]))
        let sent = try #require(heartbeat(state))
        #expect(state.assignmentApplied(report, sent: sent) == [.updateBindings, .sendHeartbeat])
        let next = try #require(heartbeat(state, report))
        #expect(state.assignmentApplied(report, sent: next) == [.updateBindings])
        #expect(state.nextBinding(requested: PartitionSet()) == .bind(PartitionSet([1, 2])))
    }

    @Test("a partition stays bound while connections of it remain, and is unbound after the last one")
    func unbound() throws {
        var state = Self.member()
        let sent = try #require(heartbeat(state))
        _ = state.assignmentApplied(GatewayReport(epoch: 1, held: PartitionSet([1]), assigned: PartitionSet([1])), sent: sent)
        _ = state.bound(PartitionSet([1]), in: state.feedGeneration)
        _ = state.assignmentApplied(GatewayReport(epoch: 2, held: PartitionSet([1])), sent: sent)
        #expect(state.nextBinding(requested: PartitionSet([1])) == .none)
        #expect(state.connectionsReleased() == [.sendHeartbeat])
        _ = state.assignmentApplied(GatewayReport(epoch: 2), sent: sent)
        #expect(state.nextBinding(requested: PartitionSet([1])) == .unbind(PartitionSet([1])))
    }

    @Test("a lost feed leaves nothing bound, and a bind that completes later has no effect")
    func feedLost() throws {
        var state = Self.member()
        let sent = try #require(heartbeat(state))
        _ = state.assignmentApplied(GatewayReport(epoch: 1, assigned: PartitionSet([1])), sent: sent)
        let generation = state.feedGeneration
        #expect(state.nextBinding(requested: PartitionSet()) == .bind(PartitionSet([1])))
        state.feedLost()
        _ = state.bound(PartitionSet([1]), in: generation)
        #expect(heartbeat(state)?.bound == PartitionSet())
        #expect(state.feedStarted(bound: PartitionSet([1])) == [.updateBindings, .sendHeartbeat])
        #expect(heartbeat(state)?.bound == PartitionSet([1]))
    }

    @Test("an instance whose feed is lost for five seconds while config answers says that it leaves, until the feed starts")
    func feedLostForLong() {
        var state = Self.member()
        state.feedLost()
        for time in stride(from: 1_000, through: 5_500, by: 500) {
            _ = state.answered(Self.response(), sentAt: Self.at(time), at: Self.at(time))
            #expect(heartbeat(state, at: time)?.isLeaving == false)
        }
        #expect(heartbeat(state, at: 6_000)?.isLeaving == true)
        _ = state.feedStarted(bound: PartitionSet())
        #expect(heartbeat(state, at: 6_001)?.isLeaving == false)
    }

    @Test("an unanswered heartbeat restarts the five seconds of a lost feed; a standstill does not")
    func feedLostWithConfig() {
        for failure in [HeartbeatFailure.unanswered, .standstill] {
            var state = Self.member()
            state.feedLost()
            _ = state.answered(Self.response(), sentAt: Self.at(0), at: Self.at(0))
            _ = state.failed(failure, sentAt: Self.at(4_000))
            _ = state.answered(Self.response(), sentAt: Self.at(4_500), at: Self.at(4_500))
            #expect(heartbeat(state, at: 5_000)?.isLeaving == (failure == .standstill))
            #expect(heartbeat(state, at: 9_500)?.isLeaving == true)
        }
    }

    // MARK: Routes

    @Test("routes of a new epoch report the partitions that another instance owns now, or none")
    func reassigned() {
        var state = Self.member()
        #expect(state.routesRead(Self.routes(["a": [0, 1, 2], "b": [3, 4]])) == [])
        #expect(state.routesRead(Self.routes(["a": [], "b": []])) == [])
        let next = Self.routes(["a": [0, 1], "b": [2, 3], "c": [5]], epoch: 2)
        #expect(state.routesRead(next) == [.partitionsReassigned(PartitionSet([2, 4]))])
        #expect(state.routesRead(Self.routes(["a": [0, 1], "b": [2, 3], "c": [5]], epoch: 3)) == [])
    }

    @Test("partitions of a removed instance are reassigned; without earlier routes none is")
    func reassignedSince() {
        let before = Self.routes(["a": [0, 1, 2], "b": [3, 4]])
        #expect(Self.routes(["b": [3, 4]]).reassigned(since: before) == PartitionSet([0, 1, 2]))
        #expect(before.reassigned(since: before).isEmpty)
        #expect(before.reassigned(since: nil).isEmpty)
    }

    // MARK: Departure

    private static let holding = GatewayReport(epoch: 1, held: everything, assigned: everything)

    /// A member with a peer that has begun to leave at 0.
    private static func leaving() -> MembershipState {
        var state = member()
        _ = state.routesRead(routes(["m": Array(0..<8), "peer": []]))
        #expect(state.leave(holding, at: at(0)) == [.sendHeartbeat])
        return state
    }

    @Test("a leaving instance says so, waits until it holds no partition, and sends no heartbeat after the final one")
    func leave() {
        var state = Self.leaving()
        #expect(heartbeat(state, Self.holding)?.isLeaving == true)
        #expect(state.departureStep(Self.holding, at: Self.at(10)) == .wait(until: Self.at(8_000)))
        #expect(state.departureStep(GatewayReport(epoch: 2), at: Self.at(500)) == .disconnect)
        #expect(heartbeat(state)?.isLeaving == true)
        state.left()
        #expect(heartbeat(state) == nil)
    }

    @Test("each new epoch gives a leaving instance eight more seconds, twenty in all")
    func progress() {
        var state = Self.leaving()
        var report = Self.holding
        #expect(state.departureStep(report, at: Self.at(7_999)) == .wait(until: Self.at(8_000)))
        report.epoch = 2
        #expect(state.departureStep(report, at: Self.at(7_999)) == .wait(until: Self.at(15_999)))
        report.epoch = 3
        #expect(state.departureStep(report, at: Self.at(15_998)) == .wait(until: Self.at(20_000)))
        report.epoch = 4
        #expect(state.departureStep(report, at: Self.at(20_000)) == .disconnect)
    }

    @Test("a leaving instance whose partitions are not reassigned disconnects after eight seconds")
    func stalled() {
        var state = Self.leaving()
        #expect(state.departureStep(Self.holding, at: Self.at(7_999)) == .wait(until: Self.at(8_000)))
        #expect(state.departureStep(Self.holding, at: Self.at(8_000)) == .disconnect)
    }

    @Test("an instance without peers does not wait, and one that loses its peers stops waiting")
    func withoutPeers() {
        var alone = Self.member()
        #expect(alone.leave(Self.holding, at: Self.at(0)) == [.sendHeartbeat])
        #expect(alone.departureStep(Self.holding, at: Self.at(0)) == .disconnect)
        var state = Self.leaving()
        #expect(state.departureStep(Self.holding, at: Self.at(10)) == .wait(until: Self.at(8_000)))
        _ = state.routesRead(Self.routes(["m": Array(0..<8)], epoch: 2))
        #expect(state.departureStep(Self.holding, at: Self.at(20)) == .disconnect)
    }

    @Test("a leaving instance keeps its lease rules: it can lose the lease and regain it")
    func leaseWhileLeaving() {
        var state = Self.leaving()
        #expect(state.failed(.unanswered, sentAt: Self.at(2_500)) == [])
        #expect(state.leaseChecked(isValid: false, isConnected: true) == [.leaseLost])
        #expect(heartbeat(state, Self.holding)?.isLeaving == true)
        #expect(
            state.answered(Self.response(2), sentAt: Self.at(3_000), at: Self.at(3_001)) == [
                .leaseGranted, .applyAssignment(Self.response(2), sentAt: Self.at(3_000)),
            ])
    }
}
