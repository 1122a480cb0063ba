import Contracts

@testable import Messaging

/// Several instances of `messaging` and the devices of a few users. The rules of the gateway are the real
/// ones; sockets, the bus, `chats` and `config` are simulated. Every event follows from the seed.
final class GatewaySimulation {
    static let partitionCount = 6
    /// Milliseconds in which faults occur, and then in which every device must become complete.
    static let storm: Int64 = 10_000
    static let recovery: Int64 = 12_000

    let simulator: Simulator
    /// Probabilities, by kind of fault; each run has its own.
    let faults: Faults
    private(set) var gateways: [SimulatedGateway] = []
    private(set) var devices: [SimulatedDevice] = []
    let assigner: SimulatedAssigner
    private(set) lazy var chats = SimulatedChats(self)
    private(set) var isCalm = false
    /// How often the rules did something that a run should reach.
    var counts = Counts()

    struct Counts {
        var messages = 0, repeats = 0, gaps = 0, skips = 0, resumes = 0, moves = 0, fetches = 0, handovers = 0

        static func + (one: Counts, other: Counts) -> Counts {
            Counts(
                messages: one.messages + other.messages, repeats: one.repeats + other.repeats, gaps: one.gaps + other.gaps,
                skips: one.skips + other.skips, resumes: one.resumes + other.resumes, moves: one.moves + other.moves,
                fetches: one.fetches + other.fetches, handovers: one.handovers + other.handovers)
        }
    }

    struct Faults {
        /// Of a delivery: it arrives twice, or late.
        let double, slow: Double
        /// Of a publication: it fails, or reaches only some instances, and is repeated two seconds later.
        let fail: Double
        /// Of a publication: it is split into parts for different recipients.
        let split: Double
        /// Of a heartbeat or its answer.
        let loseHeartbeat: Double
        /// Milliseconds between two larger faults, on average.
        let interval: Int64

        init(_ simulator: Simulator) {
            func rate(_ most: Double) -> Double {
                simulator.happens(0.6) ? most * Double(simulator.between(1, 100)) / 100 : 0
            }
            double = rate(0.4)
            slow = rate(0.4)
            fail = rate(0.2)
            split = rate(0.2)
            loseHeartbeat = rate(0.2)
            interval = simulator.between(150, 3_000)
        }
    }

    init(seed: UInt64, isTraced: Bool = false) {
        simulator = Simulator(seed: seed, isTraced: isTraced)
        faults = Faults(simulator)
        assigner = SimulatedAssigner(simulator)
        for index in 0..<Int(simulator.between(2, 3)) { gateways.append(SimulatedGateway(index, self)) }
        for user in 1...4 as ClosedRange<Int64> {
            for device in 0..<simulator.between(1, 2) {
                devices.append(SimulatedDevice(UserID(rawValue: user), SessionID(rawValue: user * 10 + device), in: self))
            }
        }
        // All users are members of the first chat.
        chats.open(ChatID(rawValue: 1), members: (1...4).map { UserID(rawValue: $0) })
        chats.open(ChatID(rawValue: 2), members: [UserID(rawValue: 1), UserID(rawValue: 2)])
        chats.open(ChatID(rawValue: 3), members: [UserID(rawValue: 3), UserID(rawValue: 1)])
    }

    /// - Returns: the guarantee that was violated, if one was.
    func run() -> String? {
        for gateway in gateways { gateway.start() }
        for device in devices { device.connect(after: simulator.between(200, 1_500)) }
        scheduleMessage()
        scheduleFault()
        simulator.run(until: Self.storm)
        recover()
        simulator.run(until: Self.storm + Self.recovery)
        for device in devices { device.checkCompleteness() }
        simulator.end()
        return simulator.violation
    }

    private func recover() {
        simulator.record("the faults end")
        isCalm = true
        assigner.recover()
        for gateway in gateways { gateway.recover() }
        for device in devices { device.recover() }
    }

    // MARK: Load and faults

    private func scheduleMessage() {
        simulator.after(simulator.between(10, 400)) { [unowned self] in
            if isCalm { return }
            let device = simulator.oneOf(devices)
            if simulator.happens(0.5) { device.sendMessage() } else { chats.commitAnyMessage() }
            scheduleMessage()
        }
    }

    private func scheduleFault() {
        simulator.after(simulator.between(1, 2 * faults.interval)) { [unowned self] in
            if isCalm { return }
            injectFault()
            scheduleFault()
        }
    }

    private func injectFault() {
        let (gateway, device) = (simulator.oneOf(gateways), simulator.oneOf(devices))
        switch simulator.between(0, 11) {
        case 0...2: device.loseConnection()
        case 3...4: device.stopReading(for: simulator.between(100, 5_000))
        case 5: device.acknowledgeNonsense()
        case 6: gateway.loseFeed(for: simulator.between(10, 3_000))
        case 7: gateway.freeze(for: simulator.between(10, 4_000))
        case 8: gateway.crash(for: simulator.between(10, 3_000))
        case 9: gateway.loseRevocations(for: simulator.between(10, 2_000))
        case 10: assigner.stop(for: simulator.between(10, 5_000))
        default: assigner.movePartition()
        }
    }

    // MARK: Guarantees about all instances

    /// At most one instance serves a user at any time.
    func checkExclusivity() {
        for user in 1...4 as ClosedRange<Int64> {
            let owners = gateways.filter { $0.serves(UserID(rawValue: user)) }
            simulator.check(owners.count <= 1, "user \(user) is served by instances \(owners.map(\.index))")
        }
    }
}
