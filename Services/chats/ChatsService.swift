import Bus
import Cache
import Contracts
import Logging
import Postgres
import Reactor
import Realtime
import Redis
import ServiceKit
import ServiceLifecycle

/// Answers everything about chats, members and messages.
struct ChatsService: Service {
    private let reading: ReadingAnswers
    private let openings: OpeningAnswers
    private let members: MemberAnswers
    private let live: LiveAnswers
    private let sends: SendBatcher
    private let caches: ChatCaches
    private let store: OpeningStore
    private let logger: Logger

    /// Registers all that it answers and consumes; the bus begins with it when it runs.
    ///
    /// - Parameters:
    ///   - prefix: of this service's keys in Redis.
    ///   - timesToLive: how long Redis keeps what is read; as usual unless given.
    init(
        database: PostgresPool, redis: RedisClient, prefix: String, timesToLive: CacheConfiguration.TimesToLive? = nil, bus: Bus,
        outbox: Outbox, deliveries: DeliveryPublisher, ids: IDSource, on io: IOThread, logger: Logger
    ) {
        let history = HistoryStore(database: database)
        let views = ChatViewStore(database: database)
        let caches = ChatCaches(history: history, redis: redis, prefix: prefix, bus: bus, on: io, timesToLive: timesToLive)
        let sendStore = SendStore(database: database, outbox: outbox)
        let (people, markers) = (People(on: bus), MarkerStore(database: database, outbox: outbox))
        (self.caches, self.logger) = (caches, logger)
        let transactions = SideTransactions(database)
        store = OpeningStore(database: database, transactions: transactions, outbox: outbox)
        reading = ReadingAnswers(views: views, history: history, caches: caches)
        openings = OpeningAnswers(
            store: store, views: views, caches: caches, people: people, nextID: { try await ids.next() })
        members = MemberAnswers(
            store: MemberStore(database: database, transactions: transactions, outbox: outbox), opening: store,
            markers: markers, views: views, caches: caches, people: people)
        let audienceStore = AudienceStore(database: database)
        let audiences = Audiences(store: audienceStore)
        live = LiveAnswers(
            markers: markers, store: audienceStore, audiences: audiences, show: { deliveries.deliverOnce($0, lifetime: $1) })
        let messageIDs = MessageIDs(on: io) { try await ids.next($0) }
        let committer = BatchCommitter(
            nextIDs: { try await messageIDs.next($0) },
            commit: { try await sendStore.commit($0, ids: $1, deadline: $2) }, tell: { await caches.note($0) })
        sends = SendBatcher(committer, on: io)
        outbox.beforeSweeping { await caches.note(left: $0) }
        outbox.deliver(LiveFacts.types, through: deliveries) { try await LiveFacts(audiences: audiences).delivery(of: $0) }
        register(on: bus, database: database)
    }

    /// Sends, and housekeeping, until shutdown.
    func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await sends.run() }
            group.addTask { await forgetOldCreations() }
        }
    }

    private func register(on bus: Bus, database: PostgresPool) {
        let serving = Serving(bus: bus, logger: logger)
        serving.answer(SendMessage.self, atMost: 768) { [sends] request, context in
            try await sends.send(Draft(request, hash: RequestHash.init(of:)), deadline: context.deadline)
        }
        serving.answer(GetHistory.self, as: HistoryAnswer.self) { [reading] request, _ in try await reading.history(request) }
        serving.answer(ListChats.self) { [reading] request, _ in try await reading.list(request) }
        serving.answer(GetChat.self) { [reading] request, _ in try await reading.chat(request) }
        serving.answer(CreateChat.self) { [openings] request, context in
            try await openings.create(request, deadline: context.deadline.instant)
        }
        serving.answer(UpdateChat.self) { [members] request, context in
            try await members.rename(request, deadline: context.deadline.instant)
        }
        serving.answer(ListMembers.self) { [members] request, _ in try await members.members(request) }
        serving.answer(SetMember.self) { [members] request, context in
            try await members.set(request, deadline: context.deadline.instant)
        }
        serving.answer(RemoveMember.self) { [members] request, context in
            try await members.remove(request, deadline: context.deadline.instant)
        }
        serving.answer(MarkRead.self) { [members] request, _ in try await members.markRead(request) }
        serving.answer(MarkDelivered.self) { [live] request, _ in try await live.markDelivered(request) }
        serving.answer(ShowTyping.self) { [live] request, _ in try await live.showTyping(request) }
        consume(on: bus, database: database)
    }

    private func consume(on bus: Bus, database: PostgresPool) {
        var blocks = WorkQueue("blocks", inbox: Inbox(database))
        // The highest rev wins, so that taking a fact in twice or late changes nothing.
        blocks.on(BlockChanged.self) { fact, _ in try await database.execute(BlockStore.note(fact)) }
        bus.consume(blocks)
        bus.subscribe(caches.feed)
    }

    private func forgetOldCreations() async {
        try? await cancelWhenGracefulShutdown {
            var wait = Int64.random(in: 60...120)
            while true {
                try await Task.sleep(for: .seconds(wait))
                wait = .random(in: 1_800...5_400)
                do { try await store.forgetOldCreations() } catch {
                    logger.warning("old idempotency keys were not deleted", metadata: ["error": "\(error)"])
                }
            }
        }
    }
}

/// Registers handlers whose errors become what a caller may know.
private struct Serving {
    let bus: Bus
    let logger: Logger

    func answer<P: Procedure>(
        _ procedure: P.Type, atMost: Int = 256, _ answer: @escaping @Sendable (P, CallContext) async throws -> P.Response
    ) {
        self.answer(procedure, as: P.Response.self, atMost: atMost, answer)
    }

    func answer<P: Procedure, Answer: Encodable & Sendable>(
        _ procedure: P.Type, as type: Answer.Type, atMost: Int = 256,
        _ answer: @escaping @Sendable (P, CallContext) async throws -> Answer
    ) {
        bus.serve(procedure, as: type, atMost: atMost) { [logger] request, context in
            do { return try await answer(request, context) } catch {
                let refusal = ServiceError(unavailable: error)
                if refusal.code == .internal {
                    logger.error("a request failed", metadata: ["procedure": "\(P.name)", "error": "\(error)"])
                }
                throw refusal
            }
        }
    }
}

extension Deadline {
    /// The same moment by the clock that the database's deadlines go by.
    fileprivate var instant: ContinuousClock.Instant { .now + .milliseconds(millisecondsLeft) }
}
