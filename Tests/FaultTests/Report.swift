/// What a run has shown, as a table for people.
struct Report: CustomStringConvertible {
    var seed: UInt64 = 0
    private(set) var acknowledged = 0
    private(set) var lost = 0
    private(set) var refusals = 0
    private(set) var complaints: [String] = []
    var arrivals: Integration.Arrivals?
    /// By component.
    private var kills: [String: [Took]] = [:]

    /// The longest that anything took from its return until everything was served again, without what the machine was late by.
    var slowest: Duration { kills.values.map(\.slowest).max() ?? .zero }

    mutating func add(_ strike: Strike, _ recovery: Took) {
        kills[strike.component, default: []].append(recovery)
        let late = recovery.late > .zero ? ", the machine late by \(Self.text(recovery.late))" : ""
        print("faults: \(strike) killed; service \(Self.text(recovery.time)) after the return\(late)")
    }

    mutating func judge(_ stored: Stored, _ conversation: Conversation) {
        (acknowledged, refusals) = (conversation.acknowledged.count, conversation.refusals)
        (lost, complaints) = (stored.lost(of: conversation.acknowledged).count, stored.complaints)
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

            messages acknowledged \(acknowledged), lost \(lost), gaps and doubles \(complaints.count); tries refused \(refusals)
            at the integration: arrived \(arrivals?.arrived ?? 0), again \(arrivals?.again ?? 0), missing \(arrivals?.missing ?? 0)
            """
    }

    static func text(_ duration: Duration) -> String {
        "\(Int(duration / .milliseconds(1))) ms"
    }
}
