import Bus
import Contracts
import DequeModule
import Edge
import Logging
import NIOCore
import NIOWebSocket
import Reactor
import Synchronization

/// Everybody who is connected here, and what each is shown: one actor on the I/O thread, between the sockets' loops and the bus.
actor Hub {
    /// A line and the socket that shows it; a line without one waits for its client to come back.
    final class Entry {
        var line: Line
        var port: SocketHandle?

        init(_ line: Line) { self.line = line }
    }

    struct PendingConnection {
        let port: SocketHandle
        let guest: HandshakeResult
        let until: ContinuousClock.Instant
    }

    nonisolated let io: IOThread
    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    let bus: any ProcedureCaller
    let revocations: Revocations
    private(set) var limits: HubLimits
    private let thresholds: @Sendable (inout HubLimits) -> Void
    let logger: Logger
    /// Begins every connection's id: those of an earlier process are not taken for ours.
    let incarnation: String
    /// Whether somebody may be let in; for other threads.
    nonisolated let isOpen = Atomic<Bool>(false)
    let figures: HubFigures
    let presence: PresenceDesk
    let marks: DeliveredMarks
    /// Where clients of a partition belong.
    let address: @Sendable (Int) -> String?

    var entries: [Line.ID: Entry] = [:]
    var users: [UserID: [Line.ID]] = [:]
    var sessions: [SessionID: [Line.ID]] = [:]
    var ownership: Ownership
    var order = ChatOrder<Delivery.Item>(now: .now)
    var waiting: [PendingConnection] = []
    var parked: Deque<(id: Line.ID, at: ContinuousClock.Instant)> = []
    var gapped: Set<Line.ID> = []
    var typing = TypingMemory()
    var outage = Outage()
    /// Everybody was let go, for good.
    var isClosed = false
    /// Whose clients belong elsewhere and are still to be told where.
    var parting = PartitionSet()
    /// Sockets that were sent elsewhere and are not closed yet, with their partitions.
    var leaving: [ObjectIdentifier: Int] = [:]
    var connectionsReleased: @Sendable () -> Void = {}
    private var lastNumber: UInt64 = 0
    private var outputs: [LoopOutput]
    private var flushIsScheduled = false
    var replayBytes = 0
    /// Bytes that may wait for one client: fewer when there are many that take nothing.
    var outboundLimit: Int
    var isWaitingToGiveUp = false

    init(
        bus: any ProcedureCaller, deliver: @escaping @Sendable (Delivery) async throws -> Void, revocations: Revocations,
        partitionCount: Int, limits: HubLimits, thresholds: @escaping @Sendable (inout HubLimits) -> Void = { _ in },
        loops: [any EventLoop], incarnation: String,
        address: @escaping @Sendable (Int) -> String?, on io: IOThread, logger: Logger
    ) {
        (self.bus, self.revocations, self.limits, self.logger) = (bus, revocations, limits, logger)
        (self.thresholds, outboundLimit) = (thresholds, limits.outbound)
        (self.incarnation, self.address, self.io) = (incarnation, address, io)
        ownership = Ownership(partitionCount: partitionCount)
        outputs = loops.map { LoopOutput($0) }
        figures = HubFigures()
        presence = PresenceDesk(bus: bus, deliver: deliver, on: io, logger: logger)
        marks = DeliveredMarks(bus: bus, on: io, logger: logger)
    }

    /// What it is held to may change while it lives.
    func takeThresholds() { thresholds(&limits) }

    // MARK: Lines

    func open(_ caller: Caller) -> Line.ID {
        lastNumber += 1
        let id = Line.ID(number: lastNumber)
        entries[id] = Entry(Line(userID: caller.userID, sessionID: caller.sessionID))
        users[caller.userID, default: []].append(id)
        sessions[caller.sessionID, default: []].append(id)
        return id
    }

    /// Forgets a line and whatever was kept for it.
    func forget(_ id: Line.ID) {
        guard let entry = entries.removeValue(forKey: id) else { return }
        replayBytes -= entry.line.replay.bytes
        gapped.remove(id)
        Self.remove(id, from: &users, at: entry.line.userID)
        Self.remove(id, from: &sessions, at: entry.line.sessionID)
        if let port = entry.port {
            port.line.store(0, ordering: .relaxed)
            figures.connections.subtract(1, ordering: .relaxed)
        }
        noteLost(entry.line.userID, entry.line.sessionID)
    }

    private static func remove<Key>(_ id: Line.ID, from table: inout [Key: [Line.ID]], at key: Key) {
        table[key]?.removeAll { $0 == id }
        if table[key]?.isEmpty == true { table[key] = nil }
    }

    /// The line that a port shows.
    func line(of port: SocketHandle) -> Line.ID? {
        let id = Line.ID(number: port.line.load(ordering: .relaxed))
        return entries[id]?.port === port ? id : nil
    }

    func connectionID(_ id: Line.ID) -> String { "\(incarnation)-\(id.number)" }

    // MARK: Frames

    /// Shows a numbered frame, or leaves it out when the client takes nothing: then it is told as soon as it does.
    func show(_ text: ServerFrame.Text, to id: Line.ID) {
        guard let entry = entries[id] else { return }
        guard let port = entry.port else { return keep(text, for: id, entry) }
        let outstanding = port.outstanding.load(ordering: .relaxed)
        if entry.line.isGapped {
            if outstanding > outboundLimit / 2 { return }
            tellGap(id)
        } else if outstanding > outboundLimit {
            return leaveOut(id, entry, port)
        }
        write(text, to: entry, port)
    }

    /// The line may have missed something: it is told so now, or once its client takes what it is told.
    func tellGap(_ id: Line.ID) {
        guard let entry = entries[id] else { return }
        if let port = entry.port, port.outstanding.load(ordering: .relaxed) > outboundLimit { return leaveOut(id, entry, port) }
        entry.line.gappedAt = nil
        gapped.remove(id)
        if let port = entry.port { write(ServerFrame.gap, to: entry, port) } else { keep(ServerFrame.gap, for: id, entry) }
    }

    private func leaveOut(_ id: Line.ID, _ entry: Entry, _ port: SocketHandle) {
        if entry.line.isGapped { return }
        entry.line.gappedAt = .now
        gapped.insert(id)
        port.isCongested.store(true, ordering: .relaxed)
        figures.noteGap()
    }

    private func write(_ text: ServerFrame.Text, to entry: Entry, _ port: SocketHandle) {
        let n = number(text, entry)
        output(.send(.frame(text, numbered: n), n: n), to: port)
    }

    /// For a client that may come back. A line of which not everything can be kept is of no use to it.
    private func keep(_ text: ServerFrame.Text, for id: Line.ID, _ entry: Entry) {
        _ = number(text, entry)
        if !entry.line.isWorthKeeping { forget(id) }
    }

    private func number(_ text: ServerFrame.Text, _ entry: Entry) -> Int64 {
        let before = entry.line.replay.bytes
        let n = entry.line.number(text, limit: limits.replay)
        replayBytes += entry.line.replay.bytes - before
        if replayBytes > limits.replayInAll {
            replayBytes -= entry.line.replay.bytes
            entry.line.forgetReplay()
        }
        return n
    }

    /// The one frame without a number.
    func greet(_ text: ServerFrame.Text, _ id: Line.ID, _ port: SocketHandle) {
        output(.send(.frame(text), n: entries[id]?.line.lastN ?? 0), to: port)
    }

    /// The last words to a client, and the end of its line.
    func dismiss(_ id: Line.ID, _ code: WebSocketErrorCode, _ text: ServerFrame.Text?) {
        if let entry = entries[id], let port = entry.port {
            if let text { write(text, to: entry, port) }
            output(.close(code), to: port)
        }
        forget(id)
    }

    func output(_ command: SocketCommand, to port: SocketHandle) {
        if case .send(let bytes, _) = command { figures.sent(bytes.readableBytes) }
        outputs[port.loop].add(command, to: port)
        if flushIsScheduled { return }
        flushIsScheduled = true
        io.atTurnEnd { [weak self] in self?.assumeIsolated { $0.flush() } }
    }

    private func flush() {
        flushIsScheduled = false
        for index in outputs.indices { outputs[index].flush() }
    }
}

extension WebSocketErrorCode {
    static let moved = WebSocketErrorCode.unknown(4_001)
    static let revoked = WebSocketErrorCode.unknown(4_003)
}
