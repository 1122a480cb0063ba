import Contracts

@testable import Bus

/// What `CallServer` does around envelopes and ``Admission``, on a simulated host.
final class Answerer {
    typealias Reply = (Result<[UInt8], ServiceError>) -> Void

    let host: Host
    private let service: ServiceName
    private let broker: Broker
    private var handlers: [String: (_ payload: [UInt8], _ deadline: Int64, @escaping Reply) -> Void] = [:]
    private var admission = Admission(limit: 256)
    private var outgoing = Coalescer<String, WireReply>(maximumBytes: ReplyEnvelope.coalescedBytes)
    private var flushIsScheduled = false

    init(_ service: ServiceName, on host: Host, _ broker: Broker) {
        (self.service, self.host, self.broker) = (service, host, broker)
        broker.add(self, of: service)
    }

    func begin() {
        (admission, flushIsScheduled) = (Admission(limit: 256), false)
        outgoing = Coalescer(maximumBytes: ReplyEnvelope.coalescedBytes)
    }

    /// - Parameter answer: is given the request and the moment, by this host's clock, after which nobody waits.
    func serve<P: Procedure>(
        _ type: P.Type, _ answer: @escaping (P, Int64, @escaping (Result<P.Response, ServiceError>) -> Void) -> Void
    ) {
        handlers[P.name.rawValue] = { payload, deadline, reply in
            guard let request = try? CBORDecoder().decode(P.self, from: payload) else {
                return reply(.failure(ServiceError(.invalid, "the request cannot be read")))
            }
            answer(request, deadline) { result in
                reply(
                    result.flatMap { response in
                        Result { try CBOREncoder().encode(response) }.mapError { _ in ServiceError(.internal, "no answer") }
                    })
            }
        }
    }

    func received(_ body: [UInt8], from caller: ServiceName, _ address: String) {
        guard let calls = try? CallEnvelope.decode(body) else { return host.simulator.violated("calls cannot be read") }
        for call in calls { take(call, address) }
    }

    private func take(_ call: WireCall, _ address: String) {
        let (id, name) = (call.correlationID, call.procedure)
        guard let handler = handlers[name] else {
            return answer(id, address, .failure(ServiceError(.unimplemented, "no such procedure")))
        }
        if call.deadline <= host.wallClock {
            let error = ServiceError(.deadlineExceeded, "came too late to be begun", mayHaveHappened: false)
            return answer(id, address, .failure(error))
        }
        guard admission.begin(name, atMost: 128) else {
            return answer(id, address, .failure(ServiceError(.unavailable, "busy")))
        }
        handler(call.payload, call.deadline) { result in
            self.admission.end(name)
            self.answer(id, address, result)
        }
    }

    private func answer(_ id: UInt64, _ address: String, _ result: Result<[UInt8], ServiceError>) {
        let reply: WireReply
        switch result {
        case .success(let payload): reply = WireReply(correlationID: id, kind: .answer, payload: payload)
        case .failure(let error):
            reply = WireReply(correlationID: id, kind: .error, payload: (try? CBOREncoder().encode(error)) ?? [])
        }
        outgoing.add(reply, bytes: reply.byteCount, to: address)
        if flushIsScheduled { return }
        flushIsScheduled = true
        host.after(0) { self.flush() }
    }

    private func flush() {
        flushIsScheduled = false
        for (address, replies) in outgoing.takeMessages().sorted(by: { $0.destination < $1.destination }) {
            broker.answer(ReplyEnvelope.encode(replies), to: address, from: service)
        }
    }
}
