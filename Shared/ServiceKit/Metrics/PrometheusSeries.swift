import Metrics
import Synchronization

/// One series of a metric. Writing is a few atomic instructions, whichever thread it is on.
protocol PrometheusSeries: AnyObject, Sendable {
    func render(_ name: String, _ labels: PrometheusLabels, into text: inout PrometheusText)
}

/// A floating-point number that many threads may add to.
struct AtomicDouble: ~Copyable {
    private let bits = Atomic<UInt64>(0)

    var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

    func add(_ amount: Double) {
        var old = bits.load(ordering: .relaxed)
        while true {
            let (exchanged, original) = bits.weakCompareExchange(
                expected: old, desired: (Double(bitPattern: old) + amount).bitPattern, ordering: .relaxed)
            if exchanged { return }
            old = original
        }
    }
}

/// Only goes up; a negative amount, or one that is no number, is ignored.
final class PrometheusCounter: PrometheusSeries, CounterHandler, FloatingPointCounterHandler {
    private let whole = Atomic<Int64>(0)
    private let broken = AtomicDouble()

    func increment(by amount: Int64) {
        if amount > 0 { whole.wrappingAdd(amount, ordering: .relaxed) }
    }

    func increment(by amount: Double) {
        if amount > 0 && amount.isFinite { broken.add(amount) }
    }

    func reset() {
        whole.store(0, ordering: .relaxed)
        broken.set(0)
    }

    var value: Double { Double(whole.load(ordering: .relaxed)) + broken.value }

    func render(_ name: String, _ labels: PrometheusLabels, into text: inout PrometheusText) { text.sample(name, labels, value) }
}

/// Goes up and down.
final class PrometheusGauge: PrometheusSeries, MeterHandler, RecorderHandler {
    private let number = AtomicDouble()

    func set(_ value: Int64) { number.set(Double(value)) }
    func set(_ value: Double) { number.set(value) }
    func increment(by amount: Double) { number.add(amount) }
    func decrement(by amount: Double) { number.add(-amount) }
    func record(_ value: Int64) { number.set(Double(value)) }
    func record(_ value: Double) { number.set(value) }

    var value: Double { number.value }

    func render(_ name: String, _ labels: PrometheusLabels, into text: inout PrometheusText) { text.sample(name, labels, value) }
}

/// Counts values per bucket. Buckets are fixed, in seconds for timers.
final class PrometheusHistogram: PrometheusSeries, TimerHandler, RecorderHandler {
    /// Seconds: 0.5 ms to 10 s.
    static let seconds = Bounds([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10])
    /// Sizes and numbers of things: powers of two to 64 Ki.
    static let sizes = Bounds((0...16).map { Double(1 << $0) })

    struct Bounds: Sendable {
        let values: [Double]
        /// Each bound as the label `le` wants it, the last being infinity.
        fileprivate let labels: [String]

        init(_ values: [Double]) {
            self.values = values
            labels = (values + [.infinity]).map { "le=\"\(PrometheusText.number($0))\"" }
        }
    }

    private let bounds: Bounds
    /// One per bound, and one for what is beyond them all; each value is counted once.
    private let buckets: [PrometheusCounter]
    private let sum = AtomicDouble()

    init(_ bounds: Bounds) {
        self.bounds = bounds
        buckets = bounds.labels.map { _ in PrometheusCounter() }
    }

    func record(_ value: Int64) { record(Double(value)) }

    /// What is no number is ignored: one of them would spoil the sum for ever.
    func record(_ value: Double) {
        if value.isNaN { return }
        let index = bounds.values.firstIndex { value <= $0 } ?? bounds.values.count
        buckets[index].increment(by: 1 as Int64)
        sum.add(value)
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1_000_000_000) }

    func render(_ name: String, _ labels: PrometheusLabels, into text: inout PrometheusText) {
        var total = 0.0
        for (bucket, bound) in zip(buckets, bounds.labels) {
            total += bucket.value
            text.sample(name, suffix: "_bucket", labels, extra: bound, total)
        }
        text.sample(name, suffix: "_sum", labels, sum.value)
        text.sample(name, suffix: "_count", labels, total)
    }
}
