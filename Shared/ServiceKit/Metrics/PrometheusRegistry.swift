import Metrics
import Synchronization

/// All metrics of a process, made through swift-metrics and read at `/metrics`.
///
/// Counters get the suffix `_total`, timers are histograms in seconds with the suffix `_seconds`, recorders are histograms of sizes or, when they do not
/// aggregate, gauges; meters are gauges. The same name and labels are the same series, however often asked for.
/// The number of series is bounded, per metric and in all: what is beyond, or contradicts an earlier metric of the name, is counted in
/// `martlet_metrics_rejected_total` and goes nowhere.
package final class PrometheusRegistry: MetricsFactory {
    /// Series of one metric, and of all together.
    private let (perMetric, inAll): (Int, Int)
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

    package init(seriesPerMetric: Int = 2_000, seriesInAll: Int = 20_000) { (perMetric, inAll) = (seriesPerMetric, seriesInAll) }

    /// Says in `/metrics` what a metric means. May come before the metric; `name` as in `/metrics`.
    package func describe(_ name: String, _ help: String) { state.withLock { $0.help[name] = help } }

    /// Asks `collect` whenever `/metrics` is read: for what is cheaper to look up then than to keep. It must not block.
    package func onCollect(_ collect: @escaping @Sendable () -> [CollectedMetric]) {
        state.withLock { $0.collectors.append(collect) }
    }

    /// Everything, in the text exposition format 0.0.4.
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
            for sample in metric.samples { text.sample(metric.name, sample.labels, sample.value) }
        }
        return text.bytes
    }

    private func rejections() -> CollectedMetric {
        CollectedMetric(
            "martlet_metrics_rejected", .counter, "Requests for series beyond the bounds, or contradicting others.",
            rejected.value)
    }

    // MARK: Series

    private func series<Series: PrometheusSeries>(
        _ name: String, _ kind: PrometheusText.Kind, _ dimensions: [(String, String)], make: () -> Series
    ) -> Series {
        let labels = PrometheusLabels(dimensions)
        let found: Series? = state.withLock { state in
            var metric = state.metrics[name] ?? Metric(kind: kind)
            guard metric.kind == kind else { return nil }
            if let series = metric.series[labels] { return series as? Series }
            guard metric.series.count < perMetric, state.count < inAll else { return nil }
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

    private func forget(_ handler: AnyObject) {
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
        series(PrometheusName.counter(label), .counter, dimensions) { PrometheusCounter() }
    }

    package func makeFloatingPointCounter(label: String, dimensions: [(String, String)]) -> any FloatingPointCounterHandler {
        series(PrometheusName.counter(label), .counter, dimensions) { PrometheusCounter() }
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(PrometheusName.metric(label), .gauge, dimensions) { PrometheusGauge() }
    }

    package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        if !aggregate { return series(PrometheusName.metric(label), .gauge, dimensions) { PrometheusGauge() } }
        return series(PrometheusName.metric(label), .histogram, dimensions) { PrometheusHistogram(PrometheusHistogram.sizes) }
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(PrometheusName.timer(label), .histogram, dimensions) { PrometheusHistogram(PrometheusHistogram.seconds) }
    }

    package func destroyCounter(_ handler: any CounterHandler) { forget(handler) }
    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { forget(handler) }
    package func destroyMeter(_ handler: any MeterHandler) { forget(handler) }
    package func destroyRecorder(_ handler: any RecorderHandler) { forget(handler) }
    package func destroyTimer(_ handler: any TimerHandler) { forget(handler) }
}
