import CBOR
import Contracts
import Logging
import Tracing

/// The data of a call that its handler may use besides the request.
package struct CallContext: Sendable {
    /// The caller, verified by the broker.
    package let caller: ServiceName
    package let procedure: ProcedureName
    package let deadline: Deadline
}

/// A procedure with its handler, type-erased.
struct ServedProcedure: Sendable {
    let name: ProcedureName
    let callers: Set<ServiceName>
    /// The limit of calls in progress.
    let limit: Int
    let isVital: Bool
    /// Returns the response in CBOR, or the error.
    let answer: @Sendable ([UInt8], CallContext) async -> Result<[UInt8], ServiceError>

    init<P: Procedure, Answer: Encodable & Sendable>(
        _ type: P.Type, atMost: Int, logger: Logger, _ handler: @escaping @Sendable (P, CallContext) async throws -> Answer
    ) {
        name = P.name
        callers = P.callers
        limit = atMost
        isVital = P.isVital
        answer = { payload, context in
            let request: P
            do { request = try CBORDecoder.contracts.decode(P.self, from: payload) } catch {
                return .failure(.unreadable(error))
            }
            do {
                let response = try await handler(request, context)
                let bytes = try CBOREncoder.contracts.encode(response)
                if bytes.count > ReplyEnvelope.maximumPayload { throw TooLarge(bytes: bytes.count) }
                return .success(bytes)
            } catch {
                let refusal = Self.refusal(error, context, logger: logger)
                return .failure(P.isReadOnly ? refusal.ofReading : refusal)
            }
        }
    }

    private struct TooLarge: Error {
        let bytes: Int
    }

    private static func refusal(_ error: any Error, _ context: CallContext, logger: Logger) -> ServiceError {
        if let error = error as? ServiceError { return error }
        if error is CancellationError, context.deadline.hasPassed {
            return ServiceError(.deadlineExceeded, "\(context.procedure) did not finish in time")
        }
        logger.error(
            "a handler failed", metadata: ["procedure": "\(context.procedure)", "error": "\(String(reflecting: error))"])
        return ServiceError(.internal, "\(context.procedure) failed")
    }
}

/// The state of one procedure of a server. Belongs to the server, which looks it up once per call.
final class ProcedureState {
    let procedure: ServedProcedure
    /// The number of calls in progress.
    var inProgress = 0
    var metrics: ProcedureMetrics

    init(_ procedure: ServedProcedure) {
        self.procedure = procedure
        metrics = ProcedureMetrics("handled", procedure: procedure.name.rawValue)
    }

    var isFull: Bool { inProgress >= procedure.limit }
}

extension ServiceError {
    /// The error for a request or an event that does not match its type. The text names the field and never
    /// its content.
    static func unreadable(_ error: any Error) -> ServiceError {
        let context: DecodingError.Context? =
            switch error as? DecodingError {
            case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context): context
            case .dataCorrupted(let context): context
            default: nil
            }
        guard let context else { return ServiceError(.invalid, "the request is malformed") }
        let path = context.codingPath.map(\.stringValue).joined(separator: ".")
        if path.isEmpty { return ServiceError(.invalid, "the request is malformed: \(context.debugDescription)") }
        return .invalid(path, context.debugDescription)
    }
}
