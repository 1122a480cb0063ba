import CBOR
import Contracts
import Logging
import Tracing

/// A procedure with its handler, its types forgotten.
struct ServedProcedure: Sendable {
    let name: ProcedureName
    let callers: Set<ServiceName>
    /// Handlers at once.
    let limit: Int
    let isVital: Bool
    /// Gives the response as CBOR, or the refusal.
    let answer: @Sendable ([UInt8], CallContext) async -> Result<[UInt8], ServiceError>

    init<P: Procedure, Answer: Encodable & Sendable>(
        _ type: P.Type, atMost: Int, logger: Logger, _ handler: @escaping @Sendable (P, CallContext) async throws -> Answer
    ) {
        (name, callers, limit, isVital) = (P.name, P.callers, atMost, P.isVital)
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
                let refusal = Self.refusal(error, context, logger)
                return .failure(P.isReadOnly ? refusal.ofReading : refusal)
            }
        }
    }

    private struct TooLarge: Error {
        let bytes: Int
    }

    private static func refusal(_ error: any Error, _ context: CallContext, _ logger: Logger) -> ServiceError {
        if let error = error as? ServiceError { return error }
        if error is CancellationError, context.deadline.hasPassed {
            return ServiceError(.deadlineExceeded, "\(context.procedure) was not done in time")
        }
        logger.error(
            "a handler failed", metadata: ["procedure": "\(context.procedure)", "error": "\(String(reflecting: error))"])
        return ServiceError(.internal, "\(context.procedure) failed")
    }
}

extension ServiceError {
    /// A request or an answer that is not what its type says. The text names the place and never the content.
    static func unreadable(_ error: any Error) -> ServiceError {
        let context: DecodingError.Context? =
            switch error as? DecodingError {
            case .typeMismatch(_, let context), .valueNotFound(_, let context), .keyNotFound(_, let context): context
            case .dataCorrupted(let context): context
            default: nil
            }
        guard let context else { return ServiceError(.invalid, "the request cannot be read") }
        let path = context.codingPath.map(\.stringValue).joined(separator: ".")
        if path.isEmpty { return ServiceError(.invalid, "the request cannot be read: \(context.debugDescription)") }
        return .invalid(path, context.debugDescription)
    }
}
