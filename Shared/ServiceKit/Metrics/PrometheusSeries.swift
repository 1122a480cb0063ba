import Metrics
import Synchronization

/// One series of a metric. An update takes a few atomic instructions, on any thread.
protocol PrometheusSeries: AnyObject, Sendable {
    func render(_ name: String, _ labels: PrometheusLabels, into text: inout PrometheusText)
}

/// A floating-point number with atomic addition.
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

/// A counter. Ignores negative and non-finite amounts.
final class PrometheusCounter: PrometheusSeries, CounterHandler, FloatingPointCounterHandler {
    private let integerPart = Atomic<Int64>(0)
    private let fractionalPart = AtomicDouble()

    func increment(by amount: Int64) {
        if amount > 0 { integerPart.wrappingAdd(amount, ordering: .relaxed) }
    }

    func increment(by amount: Double) {
        if amount > 0 && amount.isFinite { fractionalPart.add(amount) }
    }

    func reset() {
        integerPart.store(0, ordering: .relaxed)
        fractionalPart.set(0)
    }

    var value: Double { Double(integerPart.load(ordering: .relaxed)) + fractionalPart.value }

    func render(_ name: String, _ labels: PrometheusLabels, into text: inout PrometheusText) {
        text.sample(name, labels, value: value)
    }
}

/// A value that goes up and down.
final class PrometheusGauge: PrometheusSeries, MeterHandler, RecorderHandler {
    private let number = AtomicDouble()

    func set(_ value: Int64) { number.set(Double(value)) }
    func set(_ value: Double) { number.set(value) }
    func increment(by amount: Double) { number.add(amount) }
    func decrement(by amount: Double) { number.add(-amount) }
    func record(_ value: Int64) { number.set(Double(value)) }
    func record(_ value: Double) { number.set(value) }

    var value: Double { number.value }

    func render(_ name: String, _ labels: PrometheusLabels, into text: inout PrometheusText) {
        text.sample(name, labels, value: value)
    }
}

/// Counts values per bucket. The bounds are fixed, in seconds for timers.
final class PrometheusHistogram: PrometheusSeries, TimerHandler, RecorderHandler {
    /// Seconds: 0.5 ms to 10 s.
    static let seconds = Bounds([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10])
    /// Sizes and counts: powers of two up to 65,536.
    static let sizes = Bounds((0...16).map { Double(1 << $0) })

    struct Bounds: Sendable {
        let values: [Double]
        /// The label `le` of each bound; the last is infinity.
        fileprivate let labels: [String]

        init(_ values: [Double]) {
            self.values = values
            labels = (values + [.infinity]).map { "le=\"\(PrometheusText.number($0))\"" }
        }
    }

    private let bounds: Bounds
    /// One per bound, and one for larger values. Each value is counted in one bucket.
    private let buckets: [PrometheusCounter]
    private let sum = AtomicDouble()

    init(_ bounds: Bounds) {
        self.bounds = bounds
        buckets = bounds.labels.map { _ in PrometheusCounter() }
    }

    func record(_ value: Int64) { record(Double(value)) }

    /// Ignores NaN, which would turn the sum into NaN for ever.
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
            text.sample(name, suffix: "_bucket", labels, extra: bound, value: total)
        }
        text.sample(name, suffix: "_sum", labels, value: sum.value)
        text.sample(name, suffix: "_count", labels, value: total)
    }
}
