import CBOR
import Contracts

@testable import Bus

/// The part of `CallClient` around ``PendingCalls``, on a simulated host: timers, turns, envelopes, and a
/// connection that is lost and restored.
final class RPCClient {
    typealias Answer = Result<[UInt8], ServiceError>

    struct Waiter {
        let id: UInt64
        let resume: (Answer) -> Void
    }

    let host: Host
    let address: String
    private let service: ServiceName
    private let broker: Broker
    private var pending = PendingCalls<Waiter>(limit: 1_024)
    private var outgoing = Coalescer<ServiceName, UInt64>(maximumBytes: CallEnvelope.coalescedBytes)
    private var unanswered: Set<UInt64> = []
    private var isConnected = true
    private var flushIsScheduled = false
    private var graceIsScheduled = false
    private var nextID: UInt64 = 0

    init(_ service: ServiceName, on host: Host, _ broker: Broker) {
        self.service = service
        self.host = host
        self.broker = broker
        address = "\(service).replies.\(host.name)"
        broker.add(self)
    }

    /// Starts with empty memory after a restart. Answers to calls from before still arrive.
    func begin() {
        pending = PendingCalls(limit: 1_024)
        unanswered = []
        outgoing = Coalescer(maximumBytes: CallEnvelope.coalescedBytes)
        isConnected = true
        flushIsScheduled = false
        graceIsScheduled = false
        nextID = UInt64(host.simulator.between(0, .max / 2))
    }

    // MARK: Calling

    func call<P: Procedure>(_ request: P, _ done: @escaping (Result<P.Response, ServiceError>) -> Void) {
        guard let payload = try? CBOREncoder.contracts.encode(request) else {
            return host.simulator.violated("a request cannot be encoded")
        }
        guard isConnected else { return done(.failure(ServiceError(.unavailable, "the broker is away"))) }
        nextID += 1
        let (id, time) = (nextID, Int64(P.timeout / .milliseconds(1)))
        let call = WireCall(
            correlationID: id, deadline: host.wallClock + time, procedure: P.name.rawValue, context: [], payload: payload)
        let waiter = Waiter(id: id) { answer in
            done(
                answer.flatMap { bytes in
                    Result { try CBORDecoder.contracts.decode(P.Response.self, from: bytes) }
                        .mapError { _ in ServiceError(.internal, "the answer cannot be decoded") }
                })
        }
        guard pending.add(call, to: P.service, isRepeatable: P.isRepeatable, waiter) else {
            return done(.failure(ServiceError(.unavailable, "too many calls wait for an answer")))
        }
        unanswered.insert(id)
        enqueue(id)
        setTimers(id, time, isRepeatable: P.isRepeatable)
    }

    private func setTimers(_ id: UInt64, _ time: Int64, isRepeatable: Bool) {
        if isRepeatable { host.after(time / 2) { self.perform(self.pending.halfTimePassed(id), id) } }
        host.after(time) {
            self.perform(self.pending.deadlinePassed(id), id)
            self.host.simulator.check(!self.unanswered.contains(id), "a call outlived its deadline")
        }
    }

    private func perform(_ step: PendingCalls<Waiter>.Step, _ id: UInt64 = 0) {
        switch step {
        case .none: break
        case .send: enqueue(id)
        case .sendWhenConnected: startGrace()
        case .fail(let waiter, let error): resume(waiter, .failure(error))
        }
    }

    private func resume(_ waiter: Waiter, _ answer: Answer) {
        host.simulator.check(unanswered.remove(waiter.id) != nil, "\(host.name) received two answers to one call")
        waiter.resume(answer)
    }

    // MARK: Sending

    private func enqueue(_ id: UInt64) {
        guard let (service, bytes) = pending.destination(of: id) else { return }
        if let full = outgoing.add(id, bytes: bytes, to: service) { send(full, to: service) }
        if flushIsScheduled { return }
        flushIsScheduled = true
        host.after(0) { self.flush() }
    }

    private func flush() {
        flushIsScheduled = false
        // Sorted: the order of dictionaries differs between processes, and a seed must reproduce its run.
        for (service, ids) in outgoing.drain().sorted(by: { $0.destination.rawValue < $1.destination.rawValue }) {
            send(ids, to: service)
        }
    }

    private func send(_ ids: [UInt64], to service: ServiceName) {
        let sends = ids.compactMap { pending.startAttempt($0) }
        if !sends.isEmpty { send(sends.map(\.call), sends.map(\.attempt), to: service) }
    }

    private func send(_ calls: [WireCall], _ attempts: [PendingCalls<Waiter>.Attempt], to service: ServiceName) {
        guard isConnected else {
            for attempt in attempts { perform(pending.refused(attempt, .notSent("the broker is away")), attempt.id) }
            return
        }
        host.simulator.record("\(host.name) sends \(calls.map(\.procedure)) try \(attempts.map(\.number.rawValue))")
        let life = host.life
        broker.send(CallEnvelope.encode(calls), to: service, from: self.service, replyTo: address) { outcome in
            self.host.after(0) { if life == self.host.life { self.settle(attempts, outcome) } }
        }
    }

    private func settle(_ attempts: [PendingCalls<Waiter>.Attempt], _ outcome: Broker.Outcome) {
        for attempt in attempts {
            switch outcome {
            case .confirmed: break
            case .returned: perform(pending.refused(attempt, .noServer), attempt.id)
            case .rejected: perform(pending.refused(attempt, .full), attempt.id)
            case .lost: perform(pending.lost(attempt), attempt.id)
            }
        }
        if outcome == .lost { disconnect(for: host.simulator.between(1, 300)) }
    }

    // MARK: Answers, and the connection

    func received(_ body: [UInt8], from sender: ServiceName) {
        guard let replies = try? ReplyEnvelope.decode(body) else { return host.simulator.violated("answers cannot be decoded") }
        for reply in replies {
            let isInDoubt = reply.kind == .error && pending.isInDoubt(reply.correlationID)
            guard let waiter = pending.answered(reply.correlationID, by: sender.rawValue) else { continue }
            resume(waiter, reply.answer(isInDoubt: isInDoubt))
        }
    }

    func disconnect(for milliseconds: Int64) {
        guard isConnected else { return }
        isConnected = false
        host.simulator.record("\(host.name) loses its connection")
        for (id, step) in pending.lostAll().sorted(by: { $0.id < $1.id }) { perform(step, id) }
        host.after(milliseconds) { self.reconnect() }
    }

    private func reconnect() {
        isConnected = true
        for id in pending.connected().sorted() { perform(.send, id) }
    }

    private func startGrace() {
        if graceIsScheduled { return }
        graceIsScheduled = true
        host.after(90) {
            self.graceIsScheduled = false
            if self.isConnected { return }
            let failed = self.pending.connectionStayedAway().sorted { $0.waiterID < $1.waiterID }
            for step in failed { self.perform(step) }
        }
    }
}

extension PendingCalls<RPCClient.Waiter>.Step {
    fileprivate var waiterID: UInt64 { if case .fail(let waiter, _) = self { waiter.id } else { 0 } }
}
