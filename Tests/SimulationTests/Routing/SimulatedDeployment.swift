import Contracts

@testable import Config
@testable import Messaging

/// Instances of `config` and `messaging` on one simulated network, and the invariants that hold for them.
final class SimulatedDeployment {
    let network: SimulatedNetwork
    let rows: RoutingRows
    let partitionCount: Int
    private(set) var configs: [ConfigHost] = []
    private(set) var members: [MessagingHost] = []
    /// The first violation of an invariant.
    private(set) var violation: String?

    init(seed: UInt64, partitionCount: Int = 24, configs configCount: Int = 3, members memberCount: Int, limit: Int = 4) {
        network = SimulatedNetwork(seed: seed)
        self.partitionCount = partitionCount
        rows = RoutingRows(network, partitionCount: partitionCount)
        for number in 1...configCount {
            configs.append(
                ConfigHost(
                    "config-\(number)", network, rows: rows, limit: limit,
                    publishRoutesChanged: { [unowned self] in notifyMembers() },
                    publish: { [unowned self] heartbeat in for config in configs { config.receive(heartbeat) } }))
        }
        for number in 1...memberCount {
            members.append(
                MessagingHost(
                    "m\(number)", network, partitionCount: partitionCount,
                    send: { [unowned self] heartbeat, then in send(heartbeat, of: number - 1, then) },
                    readRoutes: { [unowned self] then in
                        let config = members[number - 1].isIsolated ? nil : consumingConfig()
                        network.request(timeout: 2_000, { config?.routes() }, then: then)
                    }))
        }
        for config in configs { config.start() }
    }

    /// The broker delivers a request to any instance that consumes.
    private func consumingConfig() -> ConfigHost? { configs.filter(\.isConsuming).randomElement(using: &network.random) }

    private func send(
        _ heartbeat: Heartbeat, of member: Int, _ then: @escaping (Result<Heartbeat.Response, ServiceError>?) -> Void
    ) {
        if members[member].isIsolated {
            let error = ServiceError(.unavailable, "not connected to the broker")
            return network.after(network.number(1...100)) { then(.failure(error)) }
        }
        guard let config = consumingConfig() else {
            // The broker returns the request.
            let error = ServiceError(.unavailable, "no instance serves it", cause: .noInstance)
            return network.after(network.number(1...10)) { then(.failure(error)) }
        }
        network.request(timeout: Int(Heartbeat.timeout / .milliseconds(1)), { config.heartbeat(heartbeat) }, then: then)
    }

    /// Sends a notice of new routes to all members; it may be lost.
    private func notifyMembers() {
        for member in members where !network.chance(network.loss) {
            let run = member.run
            network.after(network.number(1...10)) { member.resume(run) { member.routesChanged() } }
        }
    }

    // MARK: Invariants

    func run(for milliseconds: Int) { network.run(until: network.now + milliseconds) { check() } }

    private func check() {
        if violation != nil { return }
        let states = members.map { (name: $0.name, accepting: $0.accepting, delivering: $0.delivering) }
        for (member, state) in zip(members, states) where !member.isBound(state.accepting) {
            violation = "at \(network.now): \(member.name) accepts users without their deliveries"
        }
        for (index, one) in states.enumerated() {
            for other in states[..<index] {
                if !one.accepting.isDisjoint(with: other.accepting) {
                    violation = "at \(network.now): \(other.name) and \(one.name) accept users of one partition"
                }
                if !one.delivering.isDisjoint(with: other.delivering) {
                    violation = "at \(network.now): \(other.name) and \(one.name) have connections of one partition"
                }
            }
        }
    }

    /// Partitions whose users no member accepts.
    var unserved: Set<Int> { members.reduce(Set(0..<partitionCount)) { $0.subtracting($1.accepting) } }

    /// The number of partitions of each member that stays.
    var counts: [Int] { members.filter { $0.isAlive && !$0.isLeaving }.map(\.accepting.count) }
    var isEven: Bool { (counts.max() ?? 0) - (counts.min() ?? 0) <= 1 }
    var isSettled: Bool { unserved.isEmpty && isEven && rows.table.handovers.isEmpty }
    var leader: ConfigHost? { configs.first { $0.name == rows.holder } }

    /// Runs until the condition holds.
    ///
    /// - Returns: the milliseconds that passed; `nil` when it did not hold within `limit`.
    func time(within limit: Int, until condition: () -> Bool) -> Int? {
        let begin = network.now
        while !condition() {
            if network.now - begin >= limit { return nil }
            run(for: 10)
        }
        return network.now - begin
    }
}
