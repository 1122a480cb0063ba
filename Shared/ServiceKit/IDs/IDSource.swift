import Bus
import Contracts
import Reactor
import Tracing

/// Provides ids from the service `idgen`. Requests of one turn of the I/O thread share a call of
/// `ids.next.v1`, as do requests that arrive while earlier calls are in flight.
package actor IDSource {
    package nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    private struct Waiter {
        let continuation: CheckedContinuation<Result<[Int64], ServiceError>, Never>
        let context: InstrumentationContext?
    }

    private let io: IOThread
    private let fetch: @Sendable (Int) async throws -> [Int64]
    private let inFlightLimit: Int
    private var requests = IDRequestBatcher()
    private var waiters: [IDRequestBatcher.Ticket: Waiter] = [:]
    private var lastTicket: IDRequestBatcher.Ticket = 0
    private var inFlight = 0
    private var flushIsScheduled = false

    /// The largest number of waiting requests; further ones are refused.
    package static let waitingLimit = 4_096

    /// - Parameters:
    ///   - inFlightLimit: the largest number of calls in flight. Later requests share the next call.
    ///   - fetch: returns the given number of ids, 1 to 4,096.
    package init(on io: IOThread, inFlightLimit: Int = 4, fetch: @escaping @Sendable (Int) async throws -> [Int64]) {
        self.io = io
        self.inFlightLimit = inFlightLimit
        self.fetch = fetch
    }

    /// Creates a source that calls the service `idgen`.
    package init(_ bus: Bus, on io: IOThread) {
        self.init(on: io) { count in try await bus.call(NextIDs(count: count)).ids.map(\.rawValue) }
    }

    /// Returns one id.
    package func next<ID: Identifier>(_ kind: ID.Type = ID.self) async throws(ServiceError) -> ID {
        guard let id = try await next(1, kind).first else { throw ServiceError(.internal, "an id is missing") }
        return id
    }

    /// Returns `count` ids, ascending.
    ///
    /// After an error, ids that were issued for the request stay unused and are not issued again.
    ///
    /// - Parameter count: 1 to 4,096.
    /// - Throws: the errors of `idgen`; `unavailable` while it is away; `deadlineExceeded` if the task is
    ///   cancelled.
    package func next<ID: Identifier>(_ count: Int, _ kind: ID.Type = ID.self) async throws(ServiceError) -> [ID] {
        guard (1...IDRequestBatcher.limit).contains(count) else {
            throw ServiceError(.invalid, "count must be 1 to \(IDRequestBatcher.limit)")
        }
        guard waiters.count < Self.waitingLimit else {
            throw ServiceError(.unavailable, "too many requests are waiting; try again")
        }
        lastTicket += 1
        let ticket = lastTicket
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { enqueue(Request(ticket: ticket, count: count), $0) }
        } onCancel: {
            io.post { self.assumeIsolated { $0.cancel(ticket) } }
        }
        return try answer.get().map(ID.init(rawValue:))
    }

    /// The number of requests that wait for ids.
    var waiting: Int { waiters.count }

    private typealias Request = IDRequestBatcher.Request

    private func enqueue(
        _ request: Request, _ continuation: CheckedContinuation<Result<[Int64], ServiceError>, Never>
    ) {
        if Task.isCancelled { return continuation.resume(returning: .failure(Self.cancelled)) }
        waiters[request.ticket] = Waiter(continuation: continuation, context: InstrumentationContext.current)
        requests.add(request)
        if flushIsScheduled || inFlight >= inFlightLimit { return }
        flushIsScheduled = true
        io.atTurnEnd { self.assumeIsolated { $0.flush() } }
    }

    private func cancel(_ ticket: IDRequestBatcher.Ticket) {
        requests.cancel(ticket)
        waiters.removeValue(forKey: ticket)?.continuation.resume(returning: .failure(Self.cancelled))
    }

    private static let cancelled = ServiceError(.deadlineExceeded, "cancelled while waiting for ids", mayHaveHappened: false)

    private func flush() {
        flushIsScheduled = false
        while inFlight < inFlightLimit, !requests.isEmpty {
            let batch = requests.nextBatch()
            inFlight += 1
            // The call serves all requests and outlives each of them. It joins the first trace.
            let context = batch.lazy.compactMap { self.waiters[$0.ticket]?.context }.first
            Task.detached(executorPreference: io) { [self, fetch] in
                let answer = await InstrumentationContext.withValue(context) {
                    await Self.fetch(batch.reduce(0) { $0 + $1.count }, with: fetch)
                }
                await finish(batch, answer)
            }
        }
    }

    private static func fetch(_ count: Int, with fetch: @Sendable (Int) async throws -> [Int64]) async -> Result<
        [Int64], ServiceError
    > {
        do {
            let ids = try await fetch(count)
            return ids.count == count
                ? .success(ids) : .failure(ServiceError(.internal, "got \(ids.count) ids instead of \(count)"))
        } catch {
            return .failure(error as? ServiceError ?? ServiceError(.internal, "no ids are available: \(error)"))
        }
    }

    private func finish(_ batch: [Request], _ answer: Result<[Int64], ServiceError>) {
        inFlight -= 1
        switch answer {
        case .success(let ids):
            for (ticket, part) in IDRequestBatcher.distribute(ids, among: batch) {
                waiters.removeValue(forKey: ticket)?.continuation.resume(returning: .success(Array(part)))
            }
        case .failure(let error):
            for request in batch { waiters.removeValue(forKey: request.ticket)?.continuation.resume(returning: .failure(error)) }
        }
        flush()
    }
}

extension ServiceContext {
    /// Returns a source of ids that calls the service `idgen` over `bus`.
    package func ids(_ bus: Bus) -> IDSource { IDSource(bus, on: io) }
}
