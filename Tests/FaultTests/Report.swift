/// The result of a run, as a table.
struct Report: CustomStringConvertible {
    var seed: UInt64 = 0
    private(set) var acknowledged = 0
    private(set) var lost = 0
    private(set) var refusals = 0
    private(set) var violations: [String] = []
    var arrivals: Integration.Arrivals?
    /// The recovery times by component.
    private var kills: [String: [MeasuredTime]] = [:]

    /// The longest recovery, without the delays of the machine.
    var slowest: Duration { kills.values.map(\.slowest).max() ?? .zero }

    mutating func add(_ kill: ComponentKill, _ recovery: MeasuredTime) {
        kills[kill.component, default: []].append(recovery)
        let late = recovery.late > .zero ? ", the machine late by \(Self.text(recovery.late))" : ""
        print("faults: \(kill) killed; service \(Self.text(recovery.time)) after the return\(late)")
    }

    mutating func judge(_ stored: StoredHistory, _ conversation: Conversation) {
        acknowledged = conversation.acknowledged.count
        refusals = conversation.refusals
        lost = stored.lost(of: conversation.acknowledged).count
        violations = stored.violations
    }

    var description: String {
        let rows = kills.sorted { $0.key < $1.key }.map {
            "| \($0.key) | \($0.value.count) | \(Self.text($0.value.slowest)) |"
        }
        return """
            faults: seed \(seed)
            | killed | times | slowest recovery after its return |
            | --- | --- | --- |
            \(rows.joined(separator: "\n"))

            messages acknowledged \(acknowledged), lost \(lost), gaps and duplicates \(violations.count); tries refused \(refusals)
            at the integration: arrived \(arrivals?.arrived ?? 0), again \(arrivals?.again ?? 0), missing \(arrivals?.missing ?? 0)
            """
    }

    static func text(_ duration: Duration) -> String {
        "\(Int(duration / .milliseconds(1))) ms"
    }
}
