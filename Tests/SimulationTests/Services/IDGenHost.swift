import Contracts

@testable import Bus
@testable import IDGen

/// A process of idgen: the part of `IDGenerator` around ``LeaseKeeper``, ``IDRequestQueue`` and
/// ``IDSequence``.
final class IDGenHost: Host {
    typealias Answer = (Result<NextIDs.Response, ServiceError>) -> Void

    private let leases: LeaseRows
    private let database: (Host) -> DatabaseLink
    private let issued: (IDGenHost, NextIDs.Run) -> Void
    private var rpcServer: RPCServer?
    private var keeper = LeaseKeeper(terms: terms)
    private var requests = IDRequestQueue<Answer>()
    private var roundsStarted = 0
    private var roundsFinished = 0
    private var lastTicket: UInt64 = 0
    private var isWaitingForClock = false

    /// Short, so that many leases end in one run.
    private static let terms = LeaseTerms(ahead: 3_000, renewBelow: 2_500)

    /// - Parameter issued: receives every issued id.
    init(
        _ name: String, _ simulator: Simulator, broker: Broker, leases: LeaseRows, database: @escaping (Host) -> DatabaseLink,
        issued: @escaping (IDGenHost, NextIDs.Run) -> Void
    ) {
        self.leases = leases
        self.database = database
        self.issued = issued
        super.init(name, simulator)
        let rpcServer = RPCServer(.idgen, on: self, broker)
        rpcServer.serve(NextIDs.self) { [unowned self] request, _, done in next(request.count, done) }
        self.rpcServer = rpcServer
    }

    override func begin() {
        keeper = LeaseKeeper(terms: Self.terms)
        requests = IDRequestQueue()
        roundsStarted = 0
        roundsFinished = 0
        isWaitingForClock = false
        rpcServer?.begin()
        tick()
    }

    /// Releases the lease and ends. The release may arrive late or not at all.
    func retire(for milliseconds: Int64) {
        if let (lease, mark) = keeper.release() { database(self).run({ self.leases.release(lease, at: mark) }) { _ in } }
        crash(for: milliseconds)
    }

    /// Milliseconds since 2024-01-01T00:00:00Z, by this process's clock.
    private var now: Int64 { wallClock - WallClock.epoch }

    // MARK: Issuing

    private func next(_ count: Int, _ done: @escaping Answer) {
        lastTicket += 1
        requests.add(IDRequest(ticket: lastTicket, batch: IDBatch(count), round: roundsStarted, waiter: done))
        serve()
    }

    private func serve() {
        while let request = requests.first {
            let lease = keeper.lease
            switch keeper.issue({ self.fill(&$0, lease) }) {
            case .done: answer()
            case .wait(let milliseconds): return wait(milliseconds)
            case .renew where request.round < roundsFinished: fail("no lease")
            case .renew: return maintainLease()
            case .refuse, .tooLate: fail("the clock is wrong")
            }
        }
    }

    private func fill(_ sequence: inout IDSequence, _ lease: GeneratorLease?) -> IDSequence.Step {
        // Ids that do not reach a client count as issued too.
        let before = requests.first?.batch.runs.count ?? 0
        defer {
            for run in (requests.first?.batch.runs ?? []).dropFirst(before) {
                check(run, lease)
                issued(self, run)
            }
        }
        return requests.fillFirst(from: &sequence, at: now)
    }

    private func check(_ run: NextIDs.Run, _ lease: GeneratorLease?) {
        for millisecond in [run.first.rawValue >> 22, (run.first.rawValue + Int64(run.count - 1)) >> 22] {
            let isCovered = lease.map { leases.cover(millisecond, of: $0) } ?? false
            simulator.check(
                isCovered, "\(name) issues ids for \(millisecond), outside its lease \(String(describing: lease))")
        }
    }

    private func answer() {
        let served = requests.removeFirst()
        served.waiter(.success(NextIDs.Response(runs: served.batch.runs)))
    }

    private func fail(_ why: String) {
        requests.removeFirst().waiter(.failure(ServiceError(.unavailable, "no ids: \(why)", retryAfterMilliseconds: 1_000)))
    }

    private func wait(_ milliseconds: Int64) {
        if isWaitingForClock { return }
        isWaitingForClock = true
        after(milliseconds) {
            self.isWaitingForClock = false
            self.serve()
        }
    }

    // MARK: The lease

    private func tick() {
        maintainLease()
        after(1_000) { self.tick() }
    }

    private func maintainLease() {
        if roundsStarted > roundsFinished { return }
        roundsStarted += 1
        if let lease = keeper.lease { renew(lease) } else { acquire() }
    }

    private func renew(_ lease: GeneratorLease) {
        guard let mark = keeper.dueMark(at: now) else { return finishRound() }
        database(self).run({ self.leases.renew(lease, to: mark) }) { result in
            guard case .success(let isOurs) = result else { return self.finishRound() }
            self.keeper.leaseRenewed(to: mark, isOurs: isOurs)
            if isOurs { self.finishRound() } else { self.acquire() }
        }
    }

    private func acquire() {
        let (now, mark) = (now, keeper.terms.mark(at: now))
        database(self).run({ self.leases.acquire(now: now, mark: mark) }) { result in
            if case .success(let lease?) = result {
                self.keeper.leaseGranted(lease)
                self.requests.restartFirst()
                self.simulator.record("\(self.name) acquires \(lease)")
            }
            self.finishRound()
        }
    }

    private func finishRound() {
        roundsFinished = roundsStarted
        serve()
    }
}
