import Metrics
import Synchronization

/// All metrics of a process: the factory of swift-metrics, and the source of `/metrics`.
///
/// Counters get the suffix `_total`. Timers are histograms in seconds with the suffix `_seconds`. Recorders
/// are histograms of sizes or, without aggregation, gauges; meters are gauges. Equal names and labels share
/// one series.
///
/// The number of series is bounded, per metric and in total. A series beyond the bounds, or of another kind
/// than an earlier metric of the name, is not exported; `martlet_metrics_rejected_total` counts such
/// requests.
package final class PrometheusRegistry: MetricsFactory {
    private let maxSeriesPerMetric: Int
    private let maxSeries: Int
    private let state = Mutex(State())
    private let rejected = PrometheusCounter()

    private struct Metric {
        let kind: PrometheusText.Kind
        var help: String?
        var series: [PrometheusLabels: any PrometheusSeries] = [:]
    }

    private struct State {
        var metrics: [String: Metric] = [:]
        var help: [String: String] = [:]
        var count = 0
        var collectors: [@Sendable () -> [CollectedMetric]] = []
    }

    package init(maxSeriesPerMetric: Int = 2_000, maxSeries: Int = 20_000) {
        self.maxSeriesPerMetric = maxSeriesPerMetric
        self.maxSeries = maxSeries
    }

    /// Sets the help text of a metric, which need not exist yet.
    ///
    /// - Parameter name: the name in `/metrics`.
    package func describe(_ name: String, help: String) { state.withLock { $0.help[name] = help } }

    /// Calls `collect` for each request of `/metrics`. For values that are cheaper to read on demand. It must
    /// not block.
    package func onCollect(_ collect: @escaping @Sendable () -> [CollectedMetric]) {
        state.withLock { $0.collectors.append(collect) }
    }

    /// Returns all metrics in the text exposition format 0.0.4.
    package func render() -> [UInt8] {
        let (metrics, help, collectors) = state.withLock { ($0.metrics, $0.help, $0.collectors) }
        var text = PrometheusText()
        for (name, metric) in metrics.sorted(by: { $0.key < $1.key }) where !metric.series.isEmpty {
            text.begin(name, metric.kind, help: help[name])
            for (labels, series) in metric.series.sorted(by: { $0.key.rendered < $1.key.rendered }) {
                series.render(name, labels, into: &text)
            }
        }
        let collected = collectors.flatMap { $0() } + [rejections()]
        for metric in CollectedMetric.merged(collected) where metrics[metric.name]?.series.isEmpty ?? true {
            text.begin(metric.name, metric.kind, help: metric.help)
            for sample in metric.samples { text.sample(metric.name, sample.labels, value: sample.value) }
        }
        return text.bytes
    }

    private func rejections() -> CollectedMetric {
        CollectedMetric(
            "martlet_metrics_rejected", .counter,
            help: "Requests for series beyond the bounds, or of another kind than an earlier metric of the name.",
            value: rejected.value)
    }

    // MARK: Series

    private func series<Series: PrometheusSeries>(
        _ name: String, _ kind: PrometheusText.Kind, dimensions: [(String, String)], make: () -> Series
    ) -> Series {
        let labels = PrometheusLabels(dimensions)
        let found: Series? = state.withLock { state in
            var metric = state.metrics[name] ?? Metric(kind: kind)
            guard metric.kind == kind else { return nil }
            if let series = metric.series[labels] { return series as? Series }
            guard metric.series.count < maxSeriesPerMetric, state.count < maxSeries else { return nil }
            let series = make()
            metric.series[labels] = series
            state.metrics[name] = metric
            state.count += 1
            return series
        }
        if let found { return found }
        rejected.increment(by: 1 as Int64)
        return make()
    }

    private func remove(_ handler: AnyObject) {
        state.withLock { state in
            for (name, metric) in state.metrics {
                guard let labels = metric.series.first(where: { $0.value === handler })?.key else { continue }
                state.metrics[name]?.series[labels] = nil
                state.count -= 1
                return
            }
        }
    }

    // MARK: MetricsFactory

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(PrometheusName.counter(label), .counter, dimensions: dimensions) { PrometheusCounter() }
    }

    package func makeFloatingPointCounter(label: String, dimensions: [(String, String)]) -> any FloatingPointCounterHandler {
        series(PrometheusName.counter(label), .counter, dimensions: dimensions) { PrometheusCounter() }
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(PrometheusName.metric(label), .gauge, dimensions: dimensions) { PrometheusGauge() }
    }

    package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        if !aggregate { return series(PrometheusName.metric(label), .gauge, dimensions: dimensions) { PrometheusGauge() } }
        return series(PrometheusName.metric(label), .histogram, dimensions: dimensions) {
            PrometheusHistogram(PrometheusHistogram.sizes)
        }
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(PrometheusName.timer(label), .histogram, dimensions: dimensions) {
            PrometheusHistogram(PrometheusHistogram.seconds)
        }
    }

    package func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { remove(handler) }
    package func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
    package func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
    package func destroyTimer(_ handler: any TimerHandler) { remove(handler) }
}
