/// A period of random faults, and the repair of all of them.
struct RoutingStorm {
    let deployment: SimulatedDeployment
    private var network: SimulatedNetwork { deployment.network }

    init(seed: UInt64) {
        deployment = SimulatedDeployment(seed: seed, members: 5)
        for member in deployment.members { member.start() }
        deployment.run(for: 6_000)
    }

    func rage(for milliseconds: Int) {
        let end = network.now + milliseconds
        while network.now < end, deployment.violation == nil {
            strike()
            deployment.run(for: network.number(20...1_200))
        }
    }

    /// Repairs every fault and starts every dead process.
    func calm() {
        network.loss = 0
        for config in deployment.configs {
            config.isDisconnected = false
            config.isDeaf = false
            config.isCutOff = false
            if !config.isAlive { config.start() }
        }
        for member in deployment.members {
            member.isIsolated = false
            if !member.isAlive { member.start() }
        }
    }

    private func strike() {
        let (members, configs) = (deployment.members, deployment.configs)
        let member = members[network.number(0...members.count - 1)]
        let config = configs[network.number(0...configs.count - 1)]
        switch network.number(0...19) {
        case 0, 1: kill(member)
        case 2: member.start()  // It died and was restarted at once.
        case 3: member.pause(for: network.number(100...6_000))
        case 4, 5: member.leave()
        case 6: kill(config)
        case 7: config.start()
        case 8: config.pause(for: network.number(100...6_000))
        case 9: disconnect([config])
        case 10: if network.chance(0.3) { disconnect(configs) }
        case 11: deployment.rows.clockOffset += network.number(-10_000...10_000)
        case 12: network.loss = network.chance(0.6) ? 0 : Double(network.number(1...20)) / 100
        case 13: cutOff([config])
        case 14: if network.chance(0.3) { cutOff(configs) }
        case 15: hangBroker(of: config)
        case 16: member.loseFeed(for: network.number(1...8_000))
        case 17: if network.chance(0.3) { for member in members { member.loseFeed(for: network.number(1...3_000)) } }
        case 18: isolate(member)
        default: deployment.leader?.pause(for: network.number(500...4_000))
        }
        // Processes that have left are restarted sooner or later.
        for member in members where !member.isAlive && network.chance(0.2) { member.start() }
    }

    private func kill(_ process: SimulatedProcess) {
        process.die()
        let run = process.run
        network.after(network.number(0...5_000)) { if process.run == run { process.start() } }
    }

    private func disconnect(_ configs: [ConfigHost]) {
        for config in configs { config.isDisconnected = true }
        network.after(network.number(50...4_000)) { for config in configs { config.isDisconnected = false } }
    }

    private func cutOff(_ configs: [ConfigHost]) {
        for config in configs { config.isCutOff = true }
        network.after(network.number(50...6_000)) { for config in configs { config.isCutOff = false } }
    }

    private func isolate(_ member: MessagingHost) {
        member.isIsolated = true
        network.after(network.number(100...8_000)) { member.isIsolated = false }
    }

    /// The broker drops the connection after a while. The process reconnects later.
    private func hangBroker(of config: ConfigHost) {
        config.isDeaf = true
        network.after(network.number(500...6_000)) { [network] in
            config.isDisconnected = true
            network.after(network.number(0...1_000)) {
                config.isDeaf = false
                config.isDisconnected = false
            }
        }
    }
}
