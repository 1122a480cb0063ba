import Contracts

@testable import Messaging

/// A connection between an instance and a device. Frames arrive in order, or are lost with the connection.
final class SimulatedSocket {
    enum Packet {
        case hello(ServerFrame.Text)
        case frame(ServerFrame.Text, n: Int64)
        case close(CloseReason)

        var bytes: Int {
            switch self {
            case .hello(let text), .frame(let text, _): text.count + 16
            case .close: 4
            }
        }
    }

    let gateway: SimulatedGateway
    private unowned let device: SimulatedDevice
    private let simulator: Simulator
    var id: SocketID?
    /// Bytes that were written and that the device has not read.
    private(set) var waiting = 0
    var reportsDrain = false
    private var packets: [Packet] = []
    private var isReading = false
    private var isClosing = false
    private(set) var isBroken = false

    init(_ gateway: SimulatedGateway, _ device: SimulatedDevice, simulator: Simulator) {
        self.gateway = gateway
        self.device = device
        self.simulator = simulator
    }

    // MARK: From the instance

    func write(_ packet: Packet) {
        if isBroken || isClosing { return }
        if case .close = packet {
            isClosing = true
            // The device may not answer.
            gateway.later(300) { [self] in gateway.closed(self) }
        }
        packets.append(packet)
        waiting += packet.bytes
        read()
    }

    private func read() {
        if isReading || isBroken || packets.isEmpty { return }
        isReading = true
        simulator.after(max(simulator.between(1, 20), device.readsAgainAt - simulator.now)) { [self] in
            isReading = false
            guard !isBroken, !packets.isEmpty else { return }
            if device.readsAgainAt > simulator.now { return read() }
            let packet = packets.removeFirst()
            waiting -= packet.bytes
            if reportsDrain, waiting < 400 {
                reportsDrain = false
                gateway.later(1) { [self] in gateway.drained(self) }
            }
            device.receive(packet, from: self)
            read()
        }
    }

    // MARK: The end

    /// The connection breaks: both sides notice, each in its time.
    func breakConnection() {
        if isBroken { return }
        isBroken = true
        packets = []
        gateway.later(simulator.between(1, 3_000)) { [self] in gateway.closed(self) }
    }

    /// The instance has died.
    func breakFromServer() {
        if isBroken { return }
        isBroken = true
        packets = []
        simulator.after(simulator.between(1, 300)) { [self] in device.connectionLost(self) }
    }
}
