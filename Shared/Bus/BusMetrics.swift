import Metrics

/// The metrics of one procedure on one side. Handles are created once and kept.
struct ProcedureMetrics {
    private let procedure: String
    private let countLabel: String
    private let duration: Metrics.Timer
    private var counters: [String: Counter] = [:]

    /// - Parameter side: `calls` for the caller, `handled` for the server.
    init(_ side: String, procedure: String) {
        self.procedure = procedure
        countLabel = "martlet_bus_\(side)"
        duration = Metrics.Timer(label: "martlet_bus_\(side)_duration", dimensions: [("procedure", procedure)])
    }

    /// - Parameter code: `ok`, or the code of the error.
    mutating func record(_ code: String, since start: ContinuousClock.Instant) {
        let counter =
            counters[code] ?? Counter(label: countLabel, dimensions: [("procedure", procedure), ("code", code)])
        // Codes come from peers too, so the number of kept counters is bounded.
        if counters[code] == nil, counters.count < 64 { counters[code] = counter }
        counter.increment()
        duration.recordNanoseconds((ContinuousClock.now - start).nanoseconds)
    }
}

/// Metrics by procedure.
struct MetricsByProcedure {
    private let side: String
    private var all: [String: ProcedureMetrics] = [:]

    init(_ side: String) { self.side = side }

    mutating func record(_ procedure: String, _ code: String, since start: ContinuousClock.Instant) {
        all[procedure, default: ProcedureMetrics(side, procedure: procedure)].record(code, since: start)
    }
}

extension Duration {
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds.multipliedReportingOverflow(by: 1_000_000_000).partialValue + attoseconds / 1_000_000_000
    }
}
