import TestSupport
import Testing

@testable import Postgres

@Suite("Pool state") struct PoolStateTests {
    private func state(shared: Int = 2, exclusive: Int = 2, depth: Int = 2, queue: Int = 2) -> PoolState {
        PoolState(limits: .init(shared: shared, exclusive: exclusive, pipelineDepth: depth, queue: queue))
    }

    @Test("callers are rejected at once until a connection is up")
    func away() {
        var pool = state()
        #expect(pool.submit(1) == .reject(.unavailable))
        #expect(pool.acquire(2) == .reject(.unavailable))
        #expect(!pool.isAvailable)
    }

    @Test("the least loaded connection is used; beyond its depth callers wait, beyond the queue they are rejected")
    func sharing() {
        var pool = state()
        #expect(pool.connected(slot: 0) == [])
        #expect(pool.connected(slot: 1) == [])
        #expect([1, 2, 3, 4].map { pool.submit($0) } == [.use(slot: 0), .use(slot: 1), .use(slot: 0), .use(slot: 1)])
        #expect(pool.submit(5) == .wait)
        #expect(pool.submit(6) == .wait)
        #expect(pool.submit(7) == .reject(.overloaded))
        #expect(pool.ended(slot: 1) == 5)
        let abandoned = [pool.abandon(6), pool.abandon(6)]
        #expect(abandoned == [true, false])
        #expect(pool.ended(slot: 1) == nil)
        #expect(pool.loads == [2, 1])
    }

    @Test("a held-up connection is used only when the others are full or held up too")
    func heldUp() {
        var pool = state(depth: 3, queue: 0)
        _ = pool.connected(slot: 0)
        _ = pool.connected(slot: 1)
        #expect(pool.submit(1) == .use(slot: 0))
        let next = (2...4).map { pool.submit($0, isHeldUp: { $0 == 0 }) }
        #expect(next == [.use(slot: 1), .use(slot: 1), .use(slot: 1)])
        #expect(pool.submit(5, isHeldUp: { _ in true }) == .use(slot: 0))
        #expect(pool.ended(slot: 1) == nil)
        #expect(pool.submit(6, isHeldUp: { _ in true }) == .use(slot: 0))
        #expect(pool.submit(7, isHeldUp: { $0 == 0 }) == .use(slot: 1))
    }

    @Test("a reconnected connection serves waiting callers")
    func comesBack() {
        var pool = state(depth: 2)
        _ = pool.connected(slot: 0)
        _ = [1, 2, 3, 4].map { pool.submit($0) }
        #expect(pool.connected(slot: 1) == [3, 4])
        #expect(pool.loads == [2, 2])
    }

    @Test("the loss of the last connection fails all waiting callers")
    func goes() {
        var pool = state(exclusive: 1)
        _ = pool.connected(slot: 0)
        _ = pool.connected(slot: 1)
        #expect(pool.acquire(10) == .waitAndOpen)
        #expect(pool.acquire(11) == .wait)
        #expect(pool.disconnected(slot: 0) == [])
        #expect(pool.disconnected(slot: 1) == [10, 11])
        #expect(pool.acquire(12) == .reject(.unavailable))
    }

    @Test("exclusive connections are opened on demand, up to the limit")
    func exclusives() {
        var pool = state(exclusive: 2, queue: 3)
        _ = pool.connected(slot: 0)
        #expect([1, 2, 3].map { pool.acquire($0) } == [.waitAndOpen, .waitAndOpen, .wait])
        #expect(pool.acquire(4) == .reject(.overloaded))
        #expect(pool.opened(100) == 1)
        #expect(pool.released(100) == 2)
        #expect(pool.opened(101) == 3)
        #expect(pool.released(100) == nil)
        #expect(pool.acquire(5) == .use(100))
        #expect(pool.busy == [100, 101])
    }

    @Test(
        "a connection being stopped frees its place at once; stop requests are limited to twice the connections"
    )
    func stopping() {
        var pool = state(exclusive: 1, queue: 9)
        _ = pool.connected(slot: 0)
        for connection in 100..<103 {
            #expect(pool.acquire(1) == .waitAndOpen)
            #expect(pool.opened(connection) == 1)
            #expect(pool.stopping(connection) == (false, connection < 102))
            #expect(pool.isQuiet)
        }
        pool.stopped()
        #expect(pool.acquire(1) == .waitAndOpen)
        #expect(pool.acquire(2) == .wait)
        #expect(pool.opened(103) == 1)
        #expect(pool.stopping(103) == (true, true))
        #expect(pool.opened(104) == 2)
        #expect(pool.lost(103) == false)
        #expect(pool.busy == [104])
    }

    @Test("a lost connection is replaced only while a caller waits for it")
    func replaced() {
        var pool = state(exclusive: 1)
        _ = pool.connected(slot: 0)
        _ = pool.acquire(1)
        #expect(pool.opened(100) == 1)
        #expect(pool.acquire(2) == .wait)
        #expect(pool.lost(100) == true)
        #expect(pool.opened(101) == 2)
        #expect(pool.lost(101) == false)
        #expect(pool.isQuiet)
    }

    @Test("after a failed attempt to open, callers wait on only if another connection can come free")
    func openFails() {
        var pool = state(exclusive: 2)
        _ = pool.connected(slot: 0)
        _ = pool.acquire(1)
        _ = pool.opened(100)
        #expect(pool.acquire(2) == .waitAndOpen)
        #expect(pool.openFailed() == [])
        #expect(pool.released(100) == 2)
        _ = pool.lost(100)
        #expect(pool.acquire(3) == .waitAndOpen)
        #expect(pool.openFailed() == [3])
    }

    @Test("a closed pool rejects callers")
    func closed() {
        var pool = state()
        _ = pool.connected(slot: 0)
        pool.close()
        #expect(pool.submit(1) == .reject(.closed))
        #expect(pool.acquire(2) == .reject(.closed))
    }

    @Test("under random events, limits hold and every caller is served or failed", arguments: UInt64(1)...40)
    func walk(seed: UInt64) {
        var walk = PoolWalk(seed: seed)
        for _ in 0..<2_000 { walk.step() }
        #expect(walk.served > 200)
        #expect(walk.broken == nil)
    }
}

/// A random sequence of pool events, with invariants checked at every step.
private struct PoolWalk {
    private static let limits = PoolState.Limits(shared: 2, exclusive: 3, pipelineDepth: 3, queue: 4)
    private var pool = PoolState(limits: limits)
    private var random: SeededGenerator
    private var callers: UInt64 = 0
    private var connections = 0
    /// The expected number of batches in flight on each slot.
    private var batches = [0, 0]
    private var waiting: Set<UInt64> = []
    private var holders = 0
    private(set) var served = 0
    private(set) var broken: String?

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    mutating func step() {
        switch Int.random(in: 0..<12, using: &random) {
        case 0...2: submit()
        case 3...4: end()
        case 5...6: acquire()
        case 7: finishOpening()
        case 8...9: release()
        case 10: toggle(Int.random(in: 0...1, using: &random))
        default: abandon()
        }
        check()
    }

    private mutating func submit() {
        callers += 1
        switch pool.submit(callers) {
        case .use(let slot): serve(on: slot)
        case .wait: waiting.insert(callers)
        case .reject: break
        }
    }

    private mutating func serve(on slot: Int) {
        batches[slot] += 1
        served += 1
    }

    private mutating func end() {
        guard let slot = batches.indices.filter({ batches[$0] > 0 }).randomElement(using: &random) else { return }
        batches[slot] -= 1
        if let next = pool.ended(slot: slot) {
            leave(next)
            serve(on: slot)
        }
    }

    private mutating func acquire() {
        callers += 1
        switch pool.acquire(callers) {
        case .use: gain()
        case .wait, .waitAndOpen: waiting.insert(callers)
        case .reject: break
        }
    }

    private mutating func gain() {
        holders += 1
        served += 1
    }

    private mutating func finishOpening() {
        guard pool.opening > 0 else { return }
        if Bool.random(using: &random) {
            connections += 1
            guard let next = pool.opened(connections) else { return }
            leave(next)
            gain()
        } else {
            for caller in pool.openFailed() { leave(caller) }
        }
    }

    private mutating func release() {
        guard let connection = pool.busy.sorted().randomElement(using: &random) else { return }
        holders -= 1
        if Bool.random(using: &random) {
            guard let next = pool.released(connection) else { return }
            leave(next)
            gain()
        } else {
            _ = pool.lost(connection)
        }
    }

    private mutating func toggle(_ slot: Int) {
        if pool.loads[slot] == nil {
            for caller in pool.connected(slot: slot) {
                leave(caller)
                serve(on: slot)
            }
        } else {
            batches[slot] = 0
            for caller in pool.disconnected(slot: slot) { leave(caller) }
        }
    }

    private mutating func abandon() {
        guard let caller = waiting.sorted().randomElement(using: &random) else { return }
        if !pool.abandon(caller) { broken = "\(caller) waited and was unknown to the pool" }
        waiting.remove(caller)
    }

    private mutating func leave(_ caller: UInt64) {
        if waiting.remove(caller) == nil { broken = "\(caller) was served without waiting" }
    }

    private mutating func check() {
        let limits = Self.limits
        if pool.loads.map({ $0 ?? 0 }) != batches { broken = "loads \(pool.loads), batches \(batches)" }
        if batches.contains(where: { $0 > limits.pipelineDepth }) { broken = "too deep: \(batches)" }
        if pool.idle.count + pool.busy.count + pool.opening > limits.exclusive { broken = "too many exclusive connections" }
        if pool.busy.count != holders { broken = "\(pool.busy.count) busy, \(holders) held" }
        if Set(pool.sharedQueue + pool.exclusiveQueue) != waiting { broken = "\(waiting) wait" }
        if max(pool.sharedQueue.count, pool.exclusiveQueue.count) > limits.queue { broken = "the queue is too long" }
        let mustWait = pool.isAvailable && !pool.exclusiveQueue.isEmpty
        if mustWait, !pool.idle.isEmpty { broken = "a caller waits beside an idle connection" }
        if !pool.isAvailable, !waiting.isEmpty { broken = "a caller waits for an unreachable server" }
    }
}
