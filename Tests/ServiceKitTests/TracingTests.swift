import TestSupport
import Testing
import Tracing

@testable import ServiceKit

@Suite struct TraceContextTests {
    private let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test("a traceparent is read and written the same")
    func roundTrip() throws {
        let context = try #require(TraceContext(traceparent: parent, tracestate: "a=1,b=2"))
        #expect(context.traceparent == parent)
        #expect(context.isSampled)
        #expect(context.state == "a=1,b=2")
    }

    @Test("any ids survive", arguments: UInt64(1)...50)
    func anyIDs(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let trace = try #require(TraceID(high: random.next() >> UInt64.random(in: 0...63, using: &random), low: random.next()))
        let context = TraceContext(
            traceID: trace, spanID: try #require(SpanID(random.next())), isSampled: Bool.random(using: &random))
        #expect(TraceContext(traceparent: context.traceparent) == context)
    }

    @Test(
        "what the recommendation calls invalid is not read",
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

    @Test("a later version is read as far as it is known; other flags than sampled are not handed on")
    func laterVersion() throws {
        let later = try #require(TraceContext(traceparent: "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-what-ever"))
        #expect(later.traceparent == parent)
        #expect(
            try #require(TraceContext(traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02")).isSampled == false)
    }

    @Test("a tracestate that is too long is left out, the trace is not")
    func longState() throws {
        let context = try #require(TraceContext(traceparent: parent, tracestate: String(repeating: "a", count: 513)))
        #expect(context.state == nil)
    }
}

@Suite struct MartletTracerTests {
    private let kept = KeptSpans()

    private func tracer(_ ratio: Double) -> MartletTracer {
        MartletTracer(sampleRatio: ratio, exporter: kept, ids: TraceIDGenerator(seed: 7))
    }

    @Test("spans of one task nest, and are handed over as they end")
    func nesting() throws {
        withTracer(tracer(1)) {
            withSpan("outer", ofKind: .server) { outer in
                outer.updateAttributes { $0["chat"] = "1" }
                withSpan("inner") { inner in inner.operationName = "renamed" }
                outer.operationName = "outer too"
            }
        }
        #expect(kept.spans.map(\.name) == ["renamed", "outer too"])
        let (inner, outer) = (try #require(kept.spans.first), try #require(kept.spans.last))
        #expect(inner.trace.traceID == outer.trace.traceID)
        #expect(inner.parent == outer.trace.spanID)
        #expect(outer.parent == nil)
        #expect(outer.kind == .server)
        #expect(outer.attributes.get("chat") == .string("1"))
        #expect(outer.start <= inner.start && inner.end <= outer.end)
    }

    @Test("what is thrown is recorded, and the span ends")
    func thrown() async throws {
        await #expect(throws: Failure.self) {
            try await withTracer(tracer(1)) {
                try await withSpan("fails") { _ in
                    await Task.yield()
                    throw Failure()
                }
            }
        }
        let span = try #require(kept.spans.first)
        #expect(span.status?.code == .error)
        #expect(span.events.map(\.name) == ["exception"])
    }

    @Test("a span ends once; what comes later changes nothing")
    func endsOnce() {
        let span = tracer(1).startSpan("once", context: .topLevel)
        #expect(span.isRecording)
        span.end()
        span.end()
        span.addEvent("late")
        #expect(!span.isRecording)
        #expect(kept.spans.count == 1)
        #expect(kept.spans.first?.events.isEmpty == true)
    }

    @Test("a trace that is not sampled has ids for the logs, and no spans")
    func notSampled() throws {
        let outer = tracer(0).startSpan("outer", context: .topLevel)
        let trace = try #require(outer.context.trace)
        #expect(!trace.isSampled)
        let inner = tracer(0).startSpan("inner", context: outer.context)
        #expect(inner.context.trace == trace)
        #expect(!inner.isRecording)
        inner.end()
        outer.end()
        #expect(kept.spans.isEmpty)
    }

    @Test("a trace begun elsewhere keeps its sampling", arguments: [(0.0, true), (1.0, false)])
    func parentDecides(ratio: Double, sampled: Bool) {
        var context = ServiceContext.topLevel
        context.trace = TraceContext(traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0\(sampled ? 1 : 0)")
        tracer(ratio).startSpan("s", context: context).end()
        #expect(kept.spans.count == (sampled ? 1 : 0))
    }

    @Test("about the ratio's share of traces is recorded", arguments: [0.1, 0.5, 0.9])
    func ratio(ratio: Double) {
        let tracer = tracer(ratio)
        for _ in 0..<4_000 { tracer.startSpan("s", context: .topLevel).end() }
        #expect(abs(Double(kept.spans.count) / 4_000 - ratio) < 0.05)
    }

    @Test("a trace crosses a process by three fields")
    func propagation() {
        var context = ServiceContext.topLevel
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
        var there = ServiceContext.topLevel
        tracer(0).extract(carrier, into: &there, using: Fields())
        #expect(there.trace == context.trace)
        #expect(there.requestID == "r-1")
        #expect(there.userID == nil)
    }

    @Test("fields that make no sense are as if there were none")
    func badPropagation() {
        var context = ServiceContext.topLevel
        tracer(0).extract(
            ["traceparent": "nonsense", "x-request-id": String(repeating: "r", count: 201)], into: &context, using: Fields())
        #expect(context.trace == nil)
        #expect(context.requestID == nil)
    }

    @Test("ids are never given twice")
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
