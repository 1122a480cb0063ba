import Bus
import CBOR
import Contracts
import Synchronization

/// A stub that answers procedures as the test defines, and records the requests.
package final class StubBus: ProcedureCaller {
    package init() {}

    private let answers = Mutex<[ProcedureName: @Sendable (any Procedure) async throws -> any Sendable]>([:])
    private let log = Mutex<[any Procedure]>([])

    package func answer<P: Procedure>(_: P.Type, _ body: @escaping @Sendable (P) async throws -> P.Response) {
        answers.withLock { answers in
            answers[P.name] = { request in
                guard let request = request as? P else { throw ServiceError(.internal, "another procedure has this name") }
                return try await body(request)
            }
        }
    }

    package var isUnasked: Bool { log.withLock(\.isEmpty) }

    package func asked<P: Procedure>(_: P.Type) -> [P] { log.withLock { $0.compactMap { $0 as? P } } }

    package func call<P: Procedure>(_ request: P) async throws -> P.Response {
        log.withLock { $0.append(request) }
        guard let answer = answers.withLock({ $0[P.name] }) else {
            throw ServiceError(.unavailable, "no instance serves \(P.name)")
        }
        guard let response = try await answer(request) as? P.Response else {
            throw ServiceError(.internal, "the answer has another type")
        }
        return response
    }

    package func payload<P: Procedure>(of request: P) async throws -> [UInt8] {
        try CBOREncoder.contracts.encode(try await call(request))
    }
}
