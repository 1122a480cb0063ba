/// What a run has shown, as a table for people.
struct Report: CustomStringConvertible {
    private struct Kills {
        var count = 0
        var slowest = Duration.zero
    }

    var seed: UInt64 = 0
    private(set) var acknowledged = 0
    private(set) var lost = 0
    private(set) var refusals = 0
    private(set) var complaints: [String] = []
    var arrivals: Integration.Arrivals?
    private var kills: [String: Kills] = [:]

    /// The longest that anything took from its return until everything was served again.
    var slowest: Duration { kills.values.map(\.slowest).max() ?? .zero }

    mutating func add(_ strike: Strike, _ recovery: Duration) {
        let before = kills[strike.component] ?? Kills()
        kills[strike.component] = Kills(count: before.count + 1, slowest: max(before.slowest, recovery))
        print("faults: \(strike) killed; service \(Self.text(recovery)) after the return")
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
