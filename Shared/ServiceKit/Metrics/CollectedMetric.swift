/// A metric whose values are read for each request of `/metrics`.
package struct CollectedMetric: Sendable {
    package enum Kind: Sendable { case counter, gauge }

    struct Sample: Sendable {
        let labels: PrometheusLabels
        let value: Double
    }

    let name: String
    let kind: PrometheusText.Kind
    let help: String
    var samples: [Sample]

    /// - Parameter label: the label of swift-metrics; counters get the suffix `_total`.
    package init(_ label: String, _ kind: Kind, help: String, value: Double, labels: [(String, String)] = []) {
        self.init(label, kind, help: help, samples: [(labels, value)])
    }

    package init(_ label: String, _ kind: Kind, help: String, samples: [(labels: [(String, String)], value: Double)]) {
        name = kind == .counter ? PrometheusName.counter(label) : PrometheusName.metric(label)
        self.kind = kind == .counter ? .counter : .gauge
        self.help = help
        self.samples = samples.map { Sample(labels: PrometheusLabels($0.labels), value: $0.value) }
    }

    /// Merges metrics by name and sorts them: the format requires all samples of a name together, each series
    /// once.
    static func merged(_ metrics: [CollectedMetric]) -> [CollectedMetric] {
        var byName: [String: CollectedMetric] = [:]
        for metric in metrics where !metric.samples.isEmpty {
            guard var merged = byName[metric.name] else {
                byName[metric.name] = metric.withoutRepeats()
                continue
            }
            merged.samples += metric.samples
            byName[metric.name] = merged.withoutRepeats()
        }
        return byName.values.sorted { $0.name < $1.name }
    }

    private func withoutRepeats() -> CollectedMetric {
        var seen: Set<PrometheusLabels> = []
        var metric = self
        metric.samples = samples.filter { seen.insert($0.labels).inserted }
        return metric
    }
}
