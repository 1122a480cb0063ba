import Bus
import Contracts
import Logging
import Reactor

/// Collects the delivery receipts of clients and passes them on in batches. Every device reports every
/// message, and only the latest of each chat counts.
///
/// Receipts that cannot be passed on are dropped: the next ones include them.
actor DeliveryReceiptBatcher {
    private struct Key: Hashable {
        let user: UserID
        let chat: ChatID
    }

    private static let interval = Duration.milliseconds(200)
    /// The most that one ``MarkDelivered`` may contain.
    private static let batchSize = 256
    private static let capacity = 50_000

    private nonisolated let io: IOThread
    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }
    private let bus: any ProcedureCaller
    private let logger: Logger
    private var receipts: [Key: Int64] = [:]
    private var isScheduled = false

    init(bus: any ProcedureCaller, on io: IOThread, logger: Logger) {
        self.bus = bus
        self.io = io
        self.logger = logger
    }

    /// - Parameter seq: at least 0.
    func add(_ user: UserID, _ chat: ChatID, seq: Int64) {
        guard receipts.count < Self.capacity else { return }
        let key = Key(user: user, chat: chat)
        receipts[key] = max(seq, receipts[key] ?? 0)
        if isScheduled { return }
        isScheduled = true
        io.schedule(after: Self.interval) { [weak self] in
            guard let self else { return }
            Task(executorPreference: self.io) { await self.flush() }
        }
    }

    private func flush() async {
        let all = receipts.map { MarkDelivered.Marker(userID: $0.key.user, chatID: $0.key.chat, seq: $0.value) }
        receipts = [:]
        isScheduled = false
        for start in stride(from: 0, to: all.count, by: Self.batchSize) {
            do {
                _ = try await bus.call(MarkDelivered(markers: Array(all[start..<min(all.count, start + Self.batchSize)])))
            } catch {
                let code = (error as? ServiceError)?.code.rawValue ?? "-"
                logger.info("delivery receipts were dropped", metadata: ["error": "\(code)"])
            }
        }
    }
}
