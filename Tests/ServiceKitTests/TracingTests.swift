import TestSupport
import Testing
import Tracing

@testable import ServiceKit

@Suite("Trace contexts") struct TraceContextTests {
    private let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test("a traceparent survives parsing and formatting")
    func roundTrip() throws {
        let context = try #require(TraceContext(traceparent: parent, tracestate: "a=1,b=2"))
        #expect(context.traceparent == parent)
        #expect(context.isSampled)
        #expect(context.state == "a=1,b=2")
    }

    @Test("any ids survive parsing and formatting", arguments: UInt64(1)...50)
    func anyIDs(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let trace = try #require(TraceID(high: random.next() >> UInt64.random(in: 0...63, using: &random), low: random.next()))
        let context = TraceContext(
            traceID: trace, spanID: try #require(SpanID(random.next())), isSampled: Bool.random(using: &random))
        #expect(TraceContext(traceparent: context.traceparent) == context)
    }

    @Test(
        "headers that the recommendation calls invalid are rejected",
        arguments: [
            "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x", "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-01",
            "0g-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ])
    func invalid(text: String) {
        #expect(TraceContext(traceparent: text) == nil)
    }

    @Test("a later version is parsed as far as known; flags other than sampled are not propagated")
    func laterVersion() throws {
        let later = try #require(TraceContext(traceparent: "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-what-ever"))
        #expect(later.traceparent == parent)
        #expect(
            try #require(TraceContext(traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02")).isSampled == false)
    }

    @Test("an oversized tracestate is dropped, and the trace is kept")
    func longState() throws {
        let context = try #require(TraceContext(traceparent: parent, tracestate: String(repeating: "a", count: 513)))
        #expect(context.state == nil)
    }
}

@Suite("The tracer") struct MartletTracerTests {
    private let recorder = SpanRecorder()

    private func tracer(_ ratio: Double) -> MartletTracer {
        MartletTracer(sampleRatio: ratio, exporter: recorder, ids: TraceIDGenerator(seed: 7))
    }

    @Test("spans of one task nest, and are exported when they end")
    func nesting() throws {
        withTracer(tracer(1)) {
            withSpan("outer", ofKind: .server) { outer in
                outer.updateAttributes { $0["chat"] = "1" }
                withSpan("inner") { inner in inner.operationName = "renamed" }
                outer.operationName = "outer too"
            }
        }
        #expect(recorder.spans.map(\.name) == ["renamed", "outer too"])
        let (inner, outer) = (try #require(recorder.spans.first), try #require(recorder.spans.last))
        #expect(inner.trace.traceID == outer.trace.traceID)
        #expect(inner.parent == outer.trace.spanID)
        #expect(outer.parent == nil)
        #expect(outer.kind == .server)
        #expect(outer.attributes.get("chat") == .string("1"))
        #expect(outer.start <= inner.start && inner.end <= outer.end)
    }

    @Test("a thrown error is recorded, and the span ends")
    func thrown() async throws {
        await #expect(throws: Failure.self) {
            try await withTracer(tracer(1)) {
                try await withSpan("fails") { _ in
                    await Task.yield()
                    throw Failure()
                }
            }
        }
        let span = try #require(recorder.spans.first)
        #expect(span.status?.code == .error)
        #expect(span.events.map(\.name) == ["exception"])
    }

    @Test("a span ends once; later changes have no effect")
    func endsOnce() {
        let span = tracer(1).startSpan("once", context: .topLevel)
        #expect(span.isRecording)
        span.end()
        span.end()
        span.addEvent("late")
        #expect(!span.isRecording)
        #expect(recorder.spans.count == 1)
        #expect(recorder.spans.first?.events.isEmpty == true)
    }

    @Test("an unsampled trace has ids for logs, and no recorded spans")
    func notSampled() throws {
        let outer = tracer(0).startSpan("outer", context: .topLevel)
        let trace = try #require(outer.context.trace)
        #expect(!trace.isSampled)
        let inner = tracer(0).startSpan("inner", context: outer.context)
        #expect(inner.context.trace == trace)
        #expect(!inner.isRecording)
        inner.end()
        outer.end()
        #expect(recorder.spans.isEmpty)
    }

    @Test("a trace that started elsewhere keeps its sampling decision", arguments: [(0.0, true), (1.0, false)])
    func parentDecides(ratio: Double, sampled: Bool) {
        var context = InstrumentationContext.topLevel
        context.trace = TraceContext(traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0\(sampled ? 1 : 0)")
        tracer(ratio).startSpan("s", context: context).end()
        #expect(recorder.spans.count == (sampled ? 1 : 0))
    }

    @Test("the share of sampled traces is about the ratio", arguments: [0.1, 0.5, 0.9])
    func ratio(ratio: Double) {
        let tracer = tracer(ratio)
        for _ in 0..<4_000 { tracer.startSpan("s", context: .topLevel).end() }
        #expect(abs(Double(recorder.spans.count) / 4_000 - ratio) < 0.05)
    }

    @Test("a trace is propagated by three fields")
    func propagation() {
        var context = InstrumentationContext.topLevel
        context.trace = TraceContext(traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", tracestate: "a=1")
        context.requestID = "r-1"
        context.userID = "42"
        var carrier: [String: String] = [:]
        tracer(0).inject(context, into: &carrier, using: Fields())
        #expect(
            carrier == [
                "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": "a=1",
                "x-request-id": "r-1",
            ])
        var there = InstrumentationContext.topLevel
        tracer(0).extract(carrier, into: &there, using: Fields())
        #expect(there.trace == context.trace)
        #expect(there.requestID == "r-1")
        #expect(there.userID == nil)
    }

    @Test("invalid fields are ignored")
    func badPropagation() {
        var context = InstrumentationContext.topLevel
        tracer(0).extract(
            ["traceparent": "nonsense", "x-request-id": String(repeating: "r", count: 201)], into: &context, using: Fields())
        #expect(context.trace == nil)
        #expect(context.requestID == nil)
    }

    @Test("ids are unique")
    func uniqueIDs() {
        let ids = TraceIDGenerator()
        #expect(Set((0..<10_000).map { _ in ids.span() }).count == 10_000)
        #expect(Set((0..<10_000).map { _ in ids.trace() }).count == 10_000)
    }

    private struct Fields: Injector, Extractor {
        func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) { carrier[key] = value }
        func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
    }
}
