import Contracts
import ServiceKit
import Synchronization
import Tracing

@testable import Bus

/// The tracer of this process, for tests of spans. Traces of other tests are not sampled.
enum Traces {
    private final class Keeper: SpanExporter {
        private let state = Mutex<[FinishedSpan]>([])
        func export(_ span: FinishedSpan) { state.withLock { $0.append(span) } }
        func spans(of trace: TraceID) -> [FinishedSpan] { state.withLock { $0.filter { $0.trace.traceID == trace } } }
    }

    private static let keeper = Keeper()
    /// A bus looks its tracer up in its initialiser.
    static let bootstrapped: Void = InstrumentationSystem.bootstrap(MartletTracer(sampleRatio: 0, exporter: keeper))

    /// Runs `body` within a new sampled trace.
    static func with<Result>(_ body: (TraceContext) async throws -> Result) async throws -> Result {
        let trace = TraceContext(traceID: TraceIDGenerator().trace(), spanID: TraceIDGenerator().span(), isSampled: true)
        var context = InstrumentationContext.topLevel
        context.trace = trace
        context.requestID = "request-1"
        return try await InstrumentationContext.withValue(context) { try await body(trace) }
    }

    /// The finished spans of a trace.
    static func spans(of trace: TraceContext) -> [FinishedSpan] { keeper.spans(of: trace.traceID) }
}
