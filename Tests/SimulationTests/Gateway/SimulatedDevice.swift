import Contracts

@testable import Messaging

/// A client that follows the protocol: it resumes its connection, and fetches what it may have missed. It
/// checks every frame.
final class SimulatedDevice {
    let user: UserID
    let session: SessionID
    private unowned let simulation: GatewaySimulation
    private var simulator: Simulator { simulation.simulator }
    private var socket: SimulatedSocket?
    /// Whether the present socket has been greeted.
    private var isGreeted = false
    private var connectionID: String?
    private var lastN: Int64 = 0
    /// The latest message of each chat on this connection.
    private var latest: [ChatID: Int64] = [:]
    /// All messages that the device has seen or fetched.
    private var known: [ChatID: Set<Int64>] = [:]
    /// The sends that are not answered, by `ref`.
    private var sends: [Int64: ChatID] = [:]
    private var lastRef: Int64 = 0
    private(set) var readsAgainAt: Int64 = 0
    /// Counts attempts: an attempt that was overtaken ends.
    private var attempt = 0

    init(_ user: UserID, _ session: SessionID, in simulation: GatewaySimulation) {
        self.user = user
        self.session = session
        self.simulation = simulation
    }

    private func note(_ line: @autoclosure () -> String) { simulator.record("device \(session): \(line())") }
    private func violated(_ guarantee: String) { simulator.violated("device \(session): \(guarantee)") }

    // MARK: Connections

    func connect(after milliseconds: Int64) {
        attempt += 1
        let attempt = attempt
        simulator.after(milliseconds) { [unowned self] in
            guard attempt == self.attempt, socket == nil else { return }
            let partition = Partitioning.partition(of: user, count: GatewaySimulation.partitionCount)
            guard let index = simulation.assigner.instance(of: partition) else { return connect(after: 200) }
            let resume = connectionID.flatMap { Resumption("\($0).\(lastN)") }
            let opened = SimulatedSocket(simulation.gateways[index], self, simulator: simulator)
            guard simulation.gateways[index].accept(opened, of: self, resume: resume) else {
                return connect(after: simulator.between(100, 500))
            }
            note("connects to instance \(index)\(resume.map { ", resumes \($0)" } ?? "")")
            isGreeted = false
            socket = opened
            // The instance may die before it answers.
            simulator.after(3_000) { [unowned self] in
                if socket === opened, !isGreeted { connectionLost(opened) }
            }
        }
    }

    func loseConnection() {
        guard let socket else { return }
        note("loses its connection")
        socket.breakConnection()
        self.socket = nil
        connect(after: simulator.between(1, 2_000))
    }

    func connectionLost(_ socket: SimulatedSocket) {
        guard socket === self.socket else { return }
        self.socket = nil
        connect(after: simulator.between(1, 500))
    }

    func stopReading(for milliseconds: Int64) {
        note("stops reading for \(milliseconds) ms")
        readsAgainAt = simulator.now + milliseconds
    }

    func recover() {
        readsAgainAt = 0
        if socket == nil { connect(after: 1) }
    }

    // MARK: Frames

    func receive(_ packet: SimulatedSocket.Packet, from socket: SimulatedSocket) {
        guard socket === self.socket else { return }
        switch packet {
        case .hello(let text): greeted(String(decoding: text, as: UTF8.self))
        case .frame(let text, let n): if isGreeted { received(text, n) }
        case .close(let reason):
            note("is disconnected: \(reason)")
            self.socket = nil
            socket.gateway.later(simulator.between(1, 50)) { socket.gateway.closed(socket) }
            connect(after: simulator.between(1, 300))
        }
    }

    private func greeted(_ text: String) {
        if isGreeted { violated("greeted twice") }
        isGreeted = true
        let id = text.split(separator: "\"").drop { $0 != "connectionId" }.dropFirst(2).first.map(String.init)
        note("is greeted: \(text)")
        if text.contains(#""resumed":true"#) {
            if id != connectionID { violated("resumed as \(id ?? "nil"), not \(connectionID ?? "nil")") }
            return
        }
        connectionID = id
        lastN = 0
        latest = [:]
        fetch()
    }

    private func received(_ text: ServerFrame.Text, _ n: Int64) {
        if n != lastN + 1 { return violated("frame \(n) follows frame \(lastN)") }
        lastN = n
        if n % 3 == 0 { acknowledge(n) }
        if text == ServerFrame.gap {
            simulation.counts.gaps += 1
            note("receives gap")
            return fetch()
        }
        let frame = String(decoding: text, as: UTF8.self)
        let fields = Self.numbers(in: frame)
        if frame.hasPrefix(#"{"type":"message""#), let chat = fields["chatId"], let seq = fields["seq"] {
            received(seq, ChatID(rawValue: chat))
        } else if frame.hasPrefix(#"{"type":"ack""#), let ref = fields["ref"], let seq = fields["seq"],
            let chat = sends.removeValue(forKey: ref)
        {
            known[chat, default: []].insert(seq)
        } else if frame.hasPrefix(#"{"type":"error""#), let ref = fields["ref"] {
            sends[ref] = nil
        }
    }

    private func received(_ seq: Int64, _ chat: ChatID) {
        simulation.counts.messages += 1
        note("receives \(chat)/\(seq)")
        if seq <= latest[chat] ?? 0 { return violated("message \(seq) of chat \(chat) follows \(latest[chat] ?? 0)") }
        latest[chat] = seq
        known[chat, default: []].insert(seq)
        // A hole before it is visible.
        if known[chat]?.count ?? 0 < Int(seq) { fetch() }
    }

    /// The members that are numbers, also those in quotes.
    private static func numbers(in frame: String) -> [String: Int64] {
        var found: [String: Int64] = [:]
        for part in frame.split(whereSeparator: { ",{}".contains($0) }) {
            let pair = part.split(separator: ":", maxSplits: 1).map { $0.filter { $0 != "\"" } }
            if pair.count == 2, let number = Int64(pair[1]) { found[pair[0]] = number }
        }
        return found
    }

    /// Reads over HTTP what the chats contain some time later.
    private func fetch() {
        simulation.counts.fetches += 1
        simulator.after(simulator.between(1, 80)) { [unowned self] in
            for (chat, last) in simulation.chats.lastSeqs(of: user) where last > 0 {
                known[chat, default: []].formUnion(1...last)
            }
        }
    }

    // MARK: What the device sends

    func sendMessage() {
        guard isGreeted, let socket, !socket.isBroken else { return }
        lastRef += 1
        let chat = simulator.oneOf(simulation.chats.chats(of: user))
        sends[lastRef] = chat
        let frame = SendFrame(
            ref: .number(lastRef), chatID: chat, clientMessageID: ClientMessageID(rawValue: "\(session).\(lastRef)"), text: "x",
            replyTo: nil)
        note("sends to \(chat)")
        socket.gateway.later(simulator.between(1, 20)) { socket.gateway.receive(.send(frame), from: socket) }
    }

    private func acknowledge(_ n: Int64) {
        guard let socket else { return }
        socket.gateway.later(simulator.between(1, 20)) { socket.gateway.acknowledge(upTo: n, from: socket) }
    }

    func acknowledgeNonsense() {
        guard let socket else { return }
        let n = simulator.oneOf([Int64.min, -1, lastN + 5, .max])
        socket.gateway.later(1) { socket.gateway.acknowledge(upTo: n, from: socket) }
    }

    // MARK: The end

    func checkCompleteness() {
        guard isGreeted, let socket, !socket.isBroken else { return violated("is not connected in the end") }
        for (chat, last) in simulation.chats.lastSeqs(of: user) where last > 0 {
            let missing = Set(1...last).subtracting(known[chat] ?? [])
            if !missing.isEmpty { violated("misses \(missing.sorted()) of chat \(chat), and cannot know it") }
        }
    }
}
