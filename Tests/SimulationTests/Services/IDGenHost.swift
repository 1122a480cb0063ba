import Contracts

@testable import Bus
@testable import IDGen

/// A process of idgen: what `IDGenerator` does around ``LeaseKeeper``, ``NeedLine`` and ``IDSequence``.
final class IDGenHost: Host {
    typealias Answer = (Result<NextIDs.Response, ServiceError>) -> Void

    private let leases: LeaseRows
    private let wire: (Host) -> Wire
    private let issued: (IDGenHost, NextIDs.Run) -> Void
    private var answerer: Answerer?
    private var keeper = LeaseKeeper(terms: terms)
    private var line = NeedLine<Answer>()
    private var rounds = (begun: 0, ended: 0)
    private var lastTicket: UInt64 = 0
    private var isWaiting = false

    /// Short, so that a run sees many leases end.
    private static let terms = LeaseTerms(ahead: 3_000, renewBelow: 2_500)

    /// - Parameter issued: sees every id.
    init(
        _ name: String, _ simulator: Simulator, _ broker: Broker, _ leases: LeaseRows, _ wire: @escaping (Host) -> Wire,
        issued: @escaping (IDGenHost, NextIDs.Run) -> Void
    ) {
        (self.leases, self.wire, self.issued) = (leases, wire, issued)
        super.init(name, simulator)
        let answerer = Answerer(.idgen, on: self, broker)
        answerer.serve(NextIDs.self) { [unowned self] request, _, done in next(request.count, done) }
        self.answerer = answerer
    }

    override func begin() {
        (keeper, line, rounds, isWaiting) = (LeaseKeeper(terms: Self.terms), NeedLine(), (0, 0), false)
        answerer?.begin()
        tick()
    }

    /// Gives its lease back and ends. Whether that arrives, and when, is another matter.
    func retire(for milliseconds: Int64) {
        if let (lease, mark) = keeper.giveBack() { wire(self).ask({ self.leases.release(lease, at: mark) }) { _ in } }
        crash(for: milliseconds)
    }

    /// Milliseconds since 2024-01-01T00:00:00Z, by this process's clock.
    private var now: Int64 { wallClock - WallClock.epoch }

    // MARK: Issuing

    private func next(_ count: Int, _ done: @escaping Answer) {
        lastTicket += 1
        line.add(.init(ticket: lastTicket, batch: IDBatch(count), round: rounds.begun, waiter: done))
        serve()
    }

    private func serve() {
        while let need = line.first {
            let lease = keeper.lease
            switch keeper.issue({ self.fill(&$0, lease) }) {
            case .done: answer()
            case .wait(let milliseconds): return wait(milliseconds)
            case .renew where need.round < rounds.ended: fail("no lease")
            case .renew: return renew()
            case .refuse, .tooLate: fail("the clock is wrong")
            }
        }
    }

    private func fill(_ sequence: inout IDSequence, _ lease: GeneratorLease?) -> IDSequence.Step {
        // Ids that nobody gets in the end were issued all the same.
        let before = line.first?.batch.runs.count ?? 0
        defer {
            for run in (line.first?.batch.runs ?? []).dropFirst(before) {
                check(run, lease)
                issued(self, run)
            }
        }
        return line.fillFirst(from: &sequence, at: now)
    }

    private func check(_ run: NextIDs.Run, _ lease: GeneratorLease?) {
        for millisecond in [run.first.rawValue >> 22, (run.first.rawValue + Int64(run.count - 1)) >> 22] {
            let isCovered = lease.map { leases.cover(millisecond, of: $0) } ?? false
            simulator.check(
                isCovered, "\(name) issues ids of \(millisecond), which is not its own under \(String(describing: lease))")
        }
    }

    private func answer() {
        let served = line.takeFirst()
        served.waiter(.success(NextIDs.Response(runs: served.batch.runs)))
    }

    private func fail(_ why: String) {
        line.takeFirst().waiter(.failure(ServiceError(.unavailable, "no ids: \(why)", retryAfterMilliseconds: 1_000)))
    }

    private func wait(_ milliseconds: Int64) {
        if isWaiting { return }
        isWaiting = true
        after(milliseconds) {
            self.isWaiting = false
            self.serve()
        }
    }

    // MARK: The lease

    private func tick() {
        renew()
        after(1_000) { self.tick() }
    }

    private func renew() {
        if rounds.begun > rounds.ended { return }
        rounds.begun += 1
        if let lease = keeper.lease { raise(lease) } else { take() }
    }

    private func raise(_ lease: GeneratorLease) {
        guard let mark = keeper.dueMark(at: now) else { return renewed() }
        wire(self).ask({ self.leases.raise(lease, to: mark) }) { result in
            guard case .success(let isOurs) = result else { return self.renewed() }
            self.keeper.raised(to: mark, isOurs: isOurs)
            if isOurs { self.renewed() } else { self.take() }
        }
    }

    private func take() {
        let (now, mark) = (now, keeper.terms.mark(at: now))
        wire(self).ask({ self.leases.take(now: now, mark: mark) }) { result in
            if case .success(let lease?) = result {
                self.keeper.took(lease)
                self.line.restartFirst()
                self.simulator.note("\(self.name) takes \(lease)")
            }
            self.renewed()
        }
    }

    private func renewed() {
        rounds.ended = rounds.begun
        serve()
    }
}
