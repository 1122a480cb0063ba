import Bus
import Contracts
import Reactor
import Tracing

/// Hands out ids. Whatever is needed in the same turn of the I/O thread, or while earlier requests are under way, is asked for in one call of `ids.next.v1`.
package actor IDSource {
    package nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    private struct Waiter {
        let continuation: CheckedContinuation<Result<[Int64], ServiceError>, Never>
        let context: InstrumentationContext?
    }

    private let io: IOThread
    private let fetch: @Sendable (Int) async throws -> [Int64]
    private let inFlightLimit: Int
    private var demand = IDDemand()
    private var waiters: [IDDemand.Ticket: Waiter] = [:]
    private var nextTicket: IDDemand.Ticket = 0
    private var inFlight = 0
    private var isScheduled = false

    /// Needs that may wait at once; one more is refused.
    package static let waitingLimit = 4_096

    /// - Parameters:
    ///   - inFlightLimit: calls under way at once; what is needed meanwhile shares the next one.
    ///   - fetch: brings as many ids as asked for, 1 to 4,096.
    package init(on io: IOThread, inFlightLimit: Int = 4, fetch: @escaping @Sendable (Int) async throws -> [Int64]) {
        (self.io, self.inFlightLimit, self.fetch) = (io, inFlightLimit, fetch)
    }

    /// Ids from the service `idgen`.
    package init(_ bus: Bus, on io: IOThread) {
        self.init(on: io) { count in try await bus.call(NextIDs(count: count)).ids.map(\.rawValue) }
    }

    /// One id.
    package func next<ID: Identifier>(_ kind: ID.Type = ID.self) async throws(ServiceError) -> ID {
        guard let id = try await next(1, kind).first else { throw ServiceError(.internal, "no id came") }
        return id
    }

    /// `count` ids, ascending; 1 to 4,096.
    ///
    /// - Throws: what `idgen` answers, `unavailable` while it is away, `deadlineExceeded` when the task is cancelled. Nothing is harmed: ids that nobody
    ///   used are lost, and never issued again.
    package func next<ID: Identifier>(_ count: Int, _ kind: ID.Type = ID.self) async throws(ServiceError) -> [ID] {
        guard (1...IDDemand.limit).contains(count) else { throw ServiceError(.invalid, "1 to \(IDDemand.limit) ids at a time") }
        guard waiters.count < Self.waitingLimit else { throw ServiceError(.unavailable, "too many ids are waited for") }
        nextTicket += 1
        let ticket = nextTicket
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in ask(Need(ticket: ticket, count: count), continuation) }
        } onCancel: {
            Task { await self.abandon(ticket) }
        }
        return try answer.get().map(ID.init(rawValue:))
    }

    /// Needs that wait for their ids.
    var waiting: Int { waiters.count }

    private typealias Need = IDDemand.Need

    private func ask(_ need: Need, _ continuation: CheckedContinuation<Result<[Int64], ServiceError>, Never>) {
        if Task.isCancelled { return continuation.resume(returning: .failure(Self.cancelled)) }
        waiters[need.ticket] = Waiter(continuation: continuation, context: InstrumentationContext.current)
        demand.add(need)
        if isScheduled || inFlight >= inFlightLimit { return }
        isScheduled = true
        io.atTurnEnd { self.assumeIsolated { $0.flush() } }
    }

    private func abandon(_ ticket: IDDemand.Ticket) {
        demand.withdraw(ticket)
        waiters.removeValue(forKey: ticket)?.continuation.resume(returning: .failure(Self.cancelled))
    }

    private static let cancelled = ServiceError(.deadlineExceeded, "cancelled while waiting for ids", mayHaveHappened: false)

    private func flush() {
        isScheduled = false
        while inFlight < inFlightLimit, !demand.isEmpty {
            let needs = demand.take()
            inFlight += 1
            // The call belongs to all of them and outlives any; its trace is that of the first.
            let context = needs.lazy.compactMap { self.waiters[$0.ticket]?.context }.first
            Task.detached(executorPreference: io) { [self, fetch] in
                let answer = await InstrumentationContext.withValue(context) {
                    await Self.ask(needs.reduce(0) { $0 + $1.count }, fetch)
                }
                await finish(needs, answer)
            }
        }
    }

    private static func ask(_ count: Int, _ fetch: @Sendable (Int) async throws -> [Int64]) async -> Result<[Int64], ServiceError>
    {
        do {
            let ids = try await fetch(count)
            return ids.count == count
                ? .success(ids) : .failure(ServiceError(.internal, "\(ids.count) ids came instead of \(count)"))
        } catch {
            return .failure(error as? ServiceError ?? ServiceError(.internal, "no ids: \(error)"))
        }
    }

    private func finish(_ needs: [Need], _ answer: Result<[Int64], ServiceError>) {
        inFlight -= 1
        switch answer {
        case .success(let ids):
            for (ticket, part) in IDDemand.share(ids, among: needs) {
                waiters.removeValue(forKey: ticket)?.continuation.resume(returning: .success(Array(part)))
            }
        case .failure(let error):
            for need in needs { waiters.removeValue(forKey: need.ticket)?.continuation.resume(returning: .failure(error)) }
        }
        flush()
    }
}

extension ServiceContext {
    /// Ids from the service `idgen`, over `bus`.
    package func ids(_ bus: Bus) -> IDSource { IDSource(bus, on: io) }
}
