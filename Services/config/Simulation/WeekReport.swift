import Foundation

/// What a simulated week has come to.
struct WeekReport: Sendable {
    var hours = 0.0
    /// Times that the policy changed the number of instances.
    var changes = 0
    var deaths = 0
    /// Steps of the assignment: epochs.
    var steps = 0
    var moves: [SimulatedFleet.Cause: Int] = [:]
    /// Shares of all users, summed.
    var disconnected: [SimulatedFleet.Cause: Double] = [:]
    /// Seconds, each counted for every instance that had more users than it can bear.
    private(set) var overCapacitySeconds = 0
    private(set) var instanceSeconds = 0
    private(set) var instances = (least: Int.max, most: 0)
    /// Of the capacity: the fullest instance ever.
    private(set) var fullest = 0.0
    private(set) var users = (least: Double.infinity, most: 0.0)

    mutating func note(users: Double, held: [MemberID: Double], capacity: Double, seconds: Int) {
        let most = (held.values.max() ?? 0) * users / capacity
        fullest = max(fullest, most)
        if most > 1 { overCapacitySeconds += seconds * held.values.count { $0 * users > capacity } }
        instanceSeconds += seconds * held.count
        instances = (min(instances.least, held.count), max(instances.most, held.count))
        self.users = (min(self.users.least, users), max(self.users.most, users))
    }

    /// How often a connected user is disconnected by the cause, an hour.
    func disconnects(by cause: SimulatedFleet.Cause) -> Double { (disconnected[cause] ?? 0) / hours }
    var disconnectsPerUserAndHour: Double { SimulatedFleet.Cause.allCases.reduce(0) { $0 + disconnects(by: $1) } }

    /// For people.
    func text(_ terms: WeekSimulation.Terms, in time: Duration) -> String {
        func number(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
        let causes = SimulatedFleet.Cause.allCases.map { cause in
            "  by \(cause.rawValue): \(moves[cause] ?? 0) moves, \(number(disconnects(by: cause), 4)) disconnects per user and hour"
        }
        let still = Double(terms.policy.instances.upperBound) * hours
        return """
            \(terms.days) days, \(terms.partitionCount) partitions, seed \(terms.seed); simulated in \(number(time / .seconds(1), 1)) s
            connected users: \(number(users.least / 1e6, 2)) to \(number(users.most / 1e6, 2)) million
            instances: \(instances.least) to \(instances.most), changed \(changes) times; \(deaths) died; \
            \(number(100 * Double(instanceSeconds) / 3_600 / still, 0)) % of the hours of \(terms.policy.instances.upperBound) that stay
            partitions moved: \(moves.values.reduce(0, +)), \(number(Double(moves.values.reduce(0, +)) / hours, 1)) an hour, in \(steps) steps
            \(causes.joined(separator: "\n"))
            disconnects per user and hour: \(number(disconnectsPerUserAndHour, 4))
            over capacity: \(overCapacitySeconds) instance-seconds; the fullest instance ever: \(number(100 * fullest, 0)) %
            """
    }
}
