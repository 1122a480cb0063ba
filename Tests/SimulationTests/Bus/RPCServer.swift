import CBOR
import Contracts

@testable import Bus

/// The part of `CallServer` that handles envelopes and counts calls in hand, on a simulated host.
final class RPCServer {
    typealias Reply = (Result<[UInt8], ServiceError>) -> Void

    let host: Host
    private let service: ServiceName
    private let broker: Broker
    private var handlers: [String: (_ payload: [UInt8], _ deadline: Int64, @escaping Reply) -> Void] = [:]
    private var inHand: [String: Int] = [:]
    private var outgoing = Coalescer<String, WireReply>(maximumBytes: ReplyEnvelope.coalescedBytes)
    private var flushIsScheduled = false

    init(_ service: ServiceName, on host: Host, _ broker: Broker) {
        self.service = service
        self.host = host
        self.broker = broker
        broker.add(self, of: service)
    }

    func begin() {
        inHand = [:]
        flushIsScheduled = false
        outgoing = Coalescer(maximumBytes: ReplyEnvelope.coalescedBytes)
    }

    /// - Parameter answer: handles a request. Receives its deadline by this host's clock.
    func serve<P: Procedure>(
        _ type: P.Type, _ answer: @escaping (P, Int64, @escaping (Result<P.Response, ServiceError>) -> Void) -> Void
    ) {
        handlers[P.name.rawValue] = { payload, deadline, reply in
            guard let request = try? CBORDecoder.contracts.decode(P.self, from: payload) else {
                return reply(.failure(ServiceError(.invalid, "the request cannot be decoded")))
            }
            answer(request, deadline) { result in
                reply(
                    result.flatMap { response in
                        Result { try CBOREncoder.contracts.encode(response) }.mapError { _ in
                            ServiceError(.internal, "the response cannot be encoded")
                        }
                    })
            }
        }
    }

    func received(_ body: [UInt8], from caller: ServiceName, _ address: String) {
        guard let calls = try? CallEnvelope.decode(body) else { return host.simulator.violated("calls cannot be decoded") }
        for call in calls { handle(call, replyTo: address) }
    }

    private func handle(_ call: WireCall, replyTo address: String) {
        let (id, name) = (call.correlationID, call.procedure)
        guard let handler = handlers[name] else {
            return answer(id, to: address, .failure(ServiceError(.unimplemented, "no such procedure")))
        }
        if call.deadline <= host.wallClock {
            let error = ServiceError(.deadlineExceeded, "the call arrived too late", mayHaveHappened: false)
            return answer(id, to: address, .failure(error))
        }
        guard inHand[name, default: 0] < 128 else {
            return answer(id, to: address, .failure(ServiceError(.unavailable, "busy")))
        }
        inHand[name, default: 0] += 1
        handler(call.payload, call.deadline) { result in
            self.inHand[name, default: 1] -= 1
            self.answer(id, to: address, result)
        }
    }

    private func answer(_ id: UInt64, to address: String, _ result: Result<[UInt8], ServiceError>) {
        let reply: WireReply
        switch result {
        case .success(let payload): reply = WireReply(correlationID: id, kind: .answer, payload: payload)
        case .failure(let error):
            reply = WireReply(correlationID: id, kind: .error, payload: (try? CBOREncoder.contracts.encode(error)) ?? [])
        }
        if let full = outgoing.add(reply, bytes: reply.byteCount, to: address) { send(full, to: address) }
        if flushIsScheduled { return }
        flushIsScheduled = true
        host.after(0) { self.flush() }
    }

    private func flush() {
        flushIsScheduled = false
        for (address, replies) in outgoing.drain().sorted(by: { $0.destination < $1.destination }) {
            send(replies, to: address)
        }
    }

    private func send(_ replies: [WireReply], to address: String) {
        broker.answer(ReplyEnvelope.encode(replies), to: address, from: service)
    }
}
