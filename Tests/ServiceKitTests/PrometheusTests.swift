import Contracts
import Metrics
import TestSupport
import Testing

@testable import ServiceKit

@Suite("Metrics for Prometheus") struct PrometheusTests {
    private let registry = PrometheusRegistry()

    private func parsed() throws -> ExpositionFormat { try ExpositionFormat(registry.render()) }

    @Test("counters, gauges and histograms have this exact text")
    func exactText() {
        registry.describe("martlet_sends_total", help: "Messages sent.\nBy kind; a \\ too.")
        let sends = Counter(label: "martlet.sends", dimensions: [("kind", "direct"), ("code", "2\"0\\0\n")], factory: registry)
        sends.increment(by: 3)
        Meter(label: "martlet.pool.free", factory: registry).set(-2.5)
        Timer(label: "bus.call", factory: registry).recordNanoseconds(3_000_000)
        let text = String(decoding: registry.render(), as: UTF8.self)
        #expect(
            text == """
                # TYPE bus_call_seconds histogram
                bus_call_seconds_bucket{le="0.0005"} 0
                bus_call_seconds_bucket{le="0.001"} 0
                bus_call_seconds_bucket{le="0.0025"} 0
                bus_call_seconds_bucket{le="0.005"} 1
                bus_call_seconds_bucket{le="0.01"} 1
                bus_call_seconds_bucket{le="0.025"} 1
                bus_call_seconds_bucket{le="0.05"} 1
                bus_call_seconds_bucket{le="0.1"} 1
                bus_call_seconds_bucket{le="0.25"} 1
                bus_call_seconds_bucket{le="0.5"} 1
                bus_call_seconds_bucket{le="1"} 1
                bus_call_seconds_bucket{le="2.5"} 1
                bus_call_seconds_bucket{le="5"} 1
                bus_call_seconds_bucket{le="10"} 1
                bus_call_seconds_bucket{le="+Inf"} 1
                bus_call_seconds_sum 0.003
                bus_call_seconds_count 1
                # TYPE martlet_pool_free gauge
                martlet_pool_free -2.5
                # HELP martlet_sends_total Messages sent.\\nBy kind; a \\\\ too.
                # TYPE martlet_sends_total counter
                martlet_sends_total{code="2\\"0\\\\0\\n",kind="direct"} 3
                # HELP martlet_metrics_rejected_total Requests for series beyond the bounds, or of another kind than an earlier metric of the name.
                # TYPE martlet_metrics_rejected_total counter
                martlet_metrics_rejected_total 0

                """)
    }

    @Test("equal names and labels are one series, in any order of labels")
    func sameSeries() throws {
        Counter(label: "a", dimensions: [("x", "1"), ("y", "2")], factory: registry).increment()
        Counter(label: "a", dimensions: [("y", "2"), ("x", "1")], factory: registry).increment(by: 4)
        FloatingPointCounter(label: "a_total", dimensions: [("x", "1"), ("y", "2")], factory: registry).increment(by: 0.5)
        #expect(try parsed()["a_total", ["x": "1", "y": "2"]] == 5.5)
    }

    @Test("a counter ignores negative and non-finite amounts, a histogram ignores NaN")
    func nonsense() throws {
        let counter = Counter(label: "c", factory: registry)
        counter.increment(by: 2)
        counter.increment(by: -1)
        FloatingPointCounter(label: "c", factory: registry).increment(by: Double.nan)
        let sizes = Recorder(label: "sizes", factory: registry)
        sizes.record(Double.nan)
        sizes.record(3)
        sizes.record(100_000)
        let text = try parsed()
        #expect(text["c_total"] == 2)
        #expect(text["sizes_count"] == 2)
        #expect(text["sizes_sum"] == 100_003)
        #expect(text["sizes_bucket", ["le": "2"]] == 0)
        #expect(text["sizes_bucket", ["le": "4"]] == 1)
        #expect(text["sizes_bucket", ["le": "65536"]] == 1)
        #expect(text["sizes_bucket", ["le": "+Inf"]] == 2)
    }

    @Test("a bucket counts values up to and including its bound")
    func bounds() throws {
        Timer(label: "t", factory: registry).recordNanoseconds(1_000_000)
        #expect(try parsed()["t_seconds_bucket", ["le": "0.0005"]] == 0)
        #expect(try parsed()["t_seconds_bucket", ["le": "0.001"]] == 1)
    }

    @Test("a name keeps its first kind; a series of another kind is rejected and counted")
    func contradiction() throws {
        Counter(label: "x", factory: registry).increment()
        Meter(label: "x_total", factory: registry).set(7)
        #expect(try parsed()["x_total"] == 1)
        #expect(try parsed()["martlet_metrics_rejected_total"] == 1)
    }

    @Test("the number of series is bounded, per metric and in total")
    func bounded() throws {
        let registry = PrometheusRegistry(maxSeriesPerMetric: 3, maxSeries: 5)
        for user in 0..<10 { Counter(label: "a", dimensions: [("user", "\(user)")], factory: registry).increment() }
        for user in 0..<10 { Counter(label: "b", dimensions: [("user", "\(user)")], factory: registry).increment() }
        let text = try ExpositionFormat(registry.render())
        #expect(text.families["a_total"]?.samples.count == 3)
        #expect(text.families["b_total"]?.samples.count == 2)
        #expect(text["martlet_metrics_rejected_total"] == 15)
    }

    @Test("a destroyed series is removed and frees its place")
    func destroyed() throws {
        let registry = PrometheusRegistry(maxSeriesPerMetric: 1, maxSeries: 1)
        let first = Counter(label: "a", factory: registry)
        first.destroy()
        Counter(label: "b", factory: registry).increment()
        let text = try ExpositionFormat(registry.render())
        #expect(text.families["a_total"] == nil)
        #expect(text["b_total"] == 1)
    }

    @Test("collected metrics are merged: one family per name, no duplicate series")
    func collected() throws {
        for name in ["one", "two", "two"] {
            registry.onCollect { [CollectedMetric("pending", .gauge, help: "Pending.", value: 4, labels: [("queue", name)])] }
        }
        registry.onCollect { [CollectedMetric("kept", .counter, help: "Kept.", value: 1)] }
        Counter(label: "kept", factory: registry).increment(by: 9)
        let text = try parsed()
        #expect(text.families["pending"]?.samples.count == 2)
        #expect(text.families["pending"]?.help == "Pending.")
        #expect(text["kept_total"] == 9)
    }

    @Test("concurrent updates lose nothing")
    func concurrent() async throws {
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { [registry] in
                    for _ in 0..<1_000 {
                        Counter(label: "n", factory: registry).increment()
                        FloatingPointCounter(label: "f", factory: registry).increment(by: 0.5)
                        Timer(label: "t", factory: registry).recordNanoseconds(1_000_000)
                    }
                }
            }
        }
        let text = try parsed()
        #expect(text["n_total"] == 8_000)
        #expect(text["f_total"] == 4_000)
        #expect(text["t_seconds_count"] == 8_000)
        #expect(abs((text["t_seconds_sum"] ?? 0) - 8) < 0.000_001)
    }

    @Test("any names, labels and values produce valid text", arguments: UInt64(1)...40)
    func anyNames(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<40 {
            let label = Self.text(using: &random)
            let dimensions = (0..<Int.random(in: 0...3, using: &random)).map { _ in
                (Self.text(using: &random), Self.text(using: &random))
            }
            let value =
                [0, -1, 0.1, 1e300, -1e-300, .infinity, -.infinity, .nan, 9_007_199_254_740_992].randomElement(using: &random)
                ?? 0
            switch Int.random(in: 0...4, using: &random) {
            case 0: Counter(label: label, dimensions: dimensions, factory: registry).increment()
            case 1: Meter(label: label, dimensions: dimensions, factory: registry).set(value)
            case 2:
                Timer(label: label, dimensions: dimensions, factory: registry).recordNanoseconds(
                    Int64.random(in: 0...(.max), using: &random))
            case 3: Recorder(label: label, dimensions: dimensions, aggregate: true, factory: registry).record(value)
            default: registry.describe(PrometheusName.metric(label), help: Self.text(using: &random))
            }
        }
        #expect(try !parsed().families.isEmpty)
    }

    @Test("the process reports its memory, CPU time, descriptors and start")
    func process() throws {
        registry.onCollect { ProcessMetrics.collect() }
        let text = try parsed()
        let now = Double(Timestamp.now.millisecondsSinceEpoch) / 1_000
        #expect(try #require(text["process_resident_memory_bytes"]) > 1_000_000)
        #expect(try #require(text["process_cpu_seconds_total"]) >= 0)
        #expect(try #require(text["process_open_fds"]) >= 3)
        #expect(try #require(text["process_max_fds"]) >= 64)
        #expect(try #require(text["process_threads"]) >= 1)
        let start = try #require(text["process_start_time_seconds"])
        #expect(start > now - 86_400 && start < now + 2)
    }

    @Test("brackets and spaces in the command name do not shift the fields")
    func processStatistics() throws {
        let line = "7 (a) b (c) R 1 7 7 0 -1 0 0 0 0 0 250 50 0 0 20 0 3 0 1000 4096000 10 0"
        let read = try #require(ProcessMetrics.Statistics(line: line, ticksPerSecond: 100, pageSize: 4_096))
        #expect(read.cpuSeconds == 3)
        #expect(read.threads == 3)
        #expect(read.startAfterBoot == 10)
        #expect(read.virtualBytes == 4_096_000)
        #expect(read.residentBytes == 40_960)
        #expect(ProcessMetrics.Statistics(line: "7 (a) R 1", ticksPerSecond: 100, pageSize: 4_096) == nil)
    }

    private static func text(using random: inout SeededGenerator) -> String {
        let alphabet: [Character] = ["a", "B", "0", "_", ":", ".", "-", "\"", "\\", "\n", "{", "}", "=", ",", " ", "é", "😀"]
        return String((0..<Int.random(in: 0...6, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? "a" })
    }
}
