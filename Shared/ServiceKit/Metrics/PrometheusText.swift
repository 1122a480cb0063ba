/// Writes the Prometheus text exposition format, version 0.0.4.
///
/// The lines of one metric form a block: `# HELP`, `# TYPE`, then the samples. Every line ends with a line
/// feed.
struct PrometheusText {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private(set) var bytes: [UInt8] = []

    enum Kind: String, Sendable { case counter, gauge, histogram, untyped }

    mutating func begin(_ name: String, _ kind: Kind, help: String?) {
        if let help { append("# HELP \(name) \(Self.escaped(help))\n") }
        append("# TYPE \(name) \(kind.rawValue)\n")
    }

    /// - Parameters:
    ///   - suffix: `_bucket`, `_sum` or `_count` of a histogram.
    ///   - extra: a rendered label that is appended to the others.
    mutating func sample(
        _ name: String, suffix: String = "", _ labels: PrometheusLabels, extra: String = "", value: Double
    ) {
        append(name)
        append(suffix)
        if !labels.rendered.isEmpty || !extra.isEmpty {
            append("{")
            append(labels.rendered)
            if !labels.rendered.isEmpty && !extra.isEmpty { append(",") }
            append(extra)
            append("}")
        }
        append(" ")
        append(Self.number(value))
        append("\n")
    }

    /// Formats a number for Go's `ParseFloat`; integers have no decimal point.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if let whole = Int64(exactly: value), whole.magnitude < 1 << 53 { return String(whole) }
        return String(value)
    }

    /// Help texts escape backslash and line feed.
    private static func escaped(_ help: String) -> String {
        help.split(separator: "\\", omittingEmptySubsequences: false).joined(separator: "\\\\")
            .split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\\n")
    }

    private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }
}
