import Foundation

/// The results of a simulated week.
struct WeekReport: Sendable {
    var hours = 0.0
    /// How often the policy changed the number of instances.
    var changes = 0
    var deaths = 0
    /// The number of epochs.
    var steps = 0
    var moves: [SimulatedFleet.Cause: Int] = [:]
    /// Shares of all users, summed over every disconnect.
    var disconnected: [SimulatedFleet.Cause: Double] = [:]
    /// Seconds, summed over all instances that had more users than their capacity.
    private(set) var overCapacitySeconds = 0
    private(set) var instanceSeconds = 0
    private(set) var instances = (least: Int.max, most: 0)
    /// The highest share of its capacity that any instance reached.
    private(set) var fullest = 0.0
    private(set) var users = (least: Double.infinity, most: 0.0)

    mutating func record(users: Double, held: [MemberID: Double], capacity: Double, seconds: Int) {
        let most = (held.values.max() ?? 0) * users / capacity
        fullest = max(fullest, most)
        if most > 1 { overCapacitySeconds += seconds * held.values.count { $0 * users > capacity } }
        instanceSeconds += seconds * held.count
        instances = (min(instances.least, held.count), max(instances.most, held.count))
        self.users = (min(self.users.least, users), max(self.users.most, users))
    }

    /// Returns how often per hour a connected user is disconnected by this cause.
    func disconnects(by cause: SimulatedFleet.Cause) -> Double { (disconnected[cause] ?? 0) / hours }
    var disconnectsPerUserAndHour: Double { SimulatedFleet.Cause.allCases.reduce(0) { $0 + disconnects(by: $1) } }

    func text(_ parameters: WeekSimulation.Parameters, in time: Duration) -> String {
        func number(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
        let causes = SimulatedFleet.Cause.allCases.map { cause in
            "  by \(cause.rawValue): \(moves[cause] ?? 0) moves, \(number(disconnects(by: cause), 4)) disconnects per user and hour"
        }
        let fixedHours = Double(parameters.policy.instances.upperBound) * hours
        return """
            \(parameters.days) days, \(parameters.partitionCount) partitions, seed \(parameters.seed); simulated in \(number(time / .seconds(1), 1)) s
            connected users: \(number(users.least / 1e6, 2)) to \(number(users.most / 1e6, 2)) million
            instances: \(instances.least) to \(instances.most), changed \(changes) times; \(deaths) died; \
            \(number(100 * Double(instanceSeconds) / 3_600 / fixedHours, 0)) % of the hours of \(parameters.policy.instances.upperBound) that stay
            partitions moved: \(moves.values.reduce(0, +)), \(number(Double(moves.values.reduce(0, +)) / hours, 1)) an hour, in \(steps) steps
            \(causes.joined(separator: "\n"))
            disconnects per user and hour: \(number(disconnectsPerUserAndHour, 4))
            over capacity: \(overCapacitySeconds) instance-seconds; the fullest instance ever: \(number(100 * fullest, 0)) %
            """
    }
}
