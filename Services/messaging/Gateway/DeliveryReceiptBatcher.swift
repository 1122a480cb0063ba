import Bus
import Contracts
import Logging
import Reactor

/// Gathers what clients say to have received: every message comes back so from every device, and only the last of each chat counts.
///
/// What cannot be told now is forgotten: the next one tells as much.
actor DeliveryReceiptBatcher {
    private struct Key: Hashable {
        let user: UserID
        let chat: ChatID
    }

    private static let pause = Duration.milliseconds(200)
    /// As many as ``MarkDelivered`` takes.
    private static let atOnce = 256
    private static let capacity = 50_000

    private nonisolated let io: IOThread
    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }
    private let bus: any ProcedureCaller
    private let logger: Logger
    private var marks: [Key: Int64] = [:]
    private var isScheduled = false

    init(bus: any ProcedureCaller, on io: IOThread, logger: Logger) { (self.bus, self.io, self.logger) = (bus, io, logger) }

    /// - Parameter seq: at least 0.
    func add(_ user: UserID, _ chat: ChatID, _ seq: Int64) {
        guard marks.count < Self.capacity else { return }
        let key = Key(user: user, chat: chat)
        marks[key] = max(seq, marks[key] ?? 0)
        if isScheduled { return }
        isScheduled = true
        io.schedule(after: Self.pause) { [weak self] in
            guard let self else { return }
            Task(executorPreference: self.io) { await self.tell() }
        }
    }

    private func tell() async {
        let all = marks.map { MarkDelivered.Marker(userID: $0.key.user, chatID: $0.key.chat, seq: $0.value) }
        (marks, isScheduled) = ([:], false)
        for start in stride(from: 0, to: all.count, by: Self.atOnce) {
            do {
                _ = try await bus.call(MarkDelivered(markers: Array(all[start..<min(all.count, start + Self.atOnce)])))
            } catch {
                logger.info(
                    "delivered markers were not moved", metadata: ["error": "\((error as? ServiceError)?.code.rawValue ?? "-")"])
            }
        }
    }
}
