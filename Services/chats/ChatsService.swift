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

/// Handles all procedures about chats, members and messages.
struct ChatsService: Service {
    private let reading: ReadingHandler
    private let newChats: NewChatHandler
    private let members: MemberHandler
    private let live: LiveHandler
    private let sends: SendBatcher
    private let caches: ChatCaches
    private let newChatStore: NewChatStore
    private let logger: Logger

    /// Registers all handlers and consumers on the bus, which serves them once it runs.
    ///
    /// - Parameters:
    ///   - prefix: the prefix of this service's keys in Redis.
    ///   - timesToLive: the times to live of cache entries in Redis; `nil` for the defaults.
    init(
        database: PostgresPool, redis: RedisClient, prefix: String, timesToLive: CacheConfiguration.TimesToLive? = nil, bus: Bus,
        outbox: Outbox, deliveries: DeliveryPublisher, ids: IDSource, on io: IOThread, logger: Logger
    ) {
        let history = HistoryStore(database: database)
        let views = ChatViewStore(database: database)
        let caches = ChatCaches(history: history, redis: redis, prefix: prefix, bus: bus, on: io, timesToLive: timesToLive)
        let sendStore = SendStore(database: database, outbox: outbox)
        let (users, markers) = (UserDirectory(on: bus), MarkerStore(database: database, outbox: outbox))
        self.caches = caches
        self.logger = logger
        let transactions = MembershipTransactions(database)
        newChatStore = NewChatStore(database: database, transactions: transactions, outbox: outbox)
        reading = ReadingHandler(views: views, history: history, caches: caches)
        newChats = NewChatHandler(
            store: newChatStore, views: views, caches: caches, users: users, nextID: { try await ids.next() })
        members = MemberHandler(
            store: MemberStore(database: database, transactions: transactions, outbox: outbox),
            newChats: newChatStore,
            markers: markers, views: views, caches: caches, users: users)
        let audienceStore = AudienceStore(database: database)
        let audiences = AudienceCache(store: audienceStore)
        live = LiveHandler(
            markers: markers, store: audienceStore, audiences: audiences, deliver: { deliveries.deliverOnce($0, lifetime: $1) })
        let messageIDs = MessageIDProvider(on: io) { try await ids.next($0) }
        let committer = BatchCommitter(
            nextIDs: { try await messageIDs.next($0) },
            commit: { try await sendStore.commit($0, ids: $1, deadline: $2) },
            updateCaches: { await caches.apply($0) })
        sends = SendBatcher(committer, on: io)
        outbox.beforeSweeping { await caches.invalidate(after: $0) }
        outbox.deliver(DeliveryBuilder.types, through: deliveries) {
            try await DeliveryBuilder(audiences: audiences).delivery(of: $0)
        }
        register(on: bus, database: database)
    }

    /// Stores sends and deletes expired idempotency keys, until shutdown.
    func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await sends.run() }
            group.addTask { await deleteExpiredKeys() }
        }
    }

    private func register(on bus: Bus, database: PostgresPool) {
        let server = ProcedureServer(bus, logger: logger)
        server.serve(SendMessage.self, atMost: 768) { [sends] request, context in
            try await sends.send(Draft(request, hash: RequestHash.init(of:)), deadline: context.deadline)
        }
        server.serve(GetHistory.self, as: HistoryResponse.self) { [reading] request, _ in try await reading.history(request) }
        server.serve(ListChats.self) { [reading] request, _ in try await reading.list(request) }
        server.serve(GetChat.self) { [reading] request, _ in try await reading.chat(request) }
        server.serve(CreateChat.self) { [newChats] request, context in
            try await newChats.create(request, deadline: context.deadline.instant)
        }
        server.serve(UpdateChat.self) { [members] request, context in
            try await members.rename(request, deadline: context.deadline.instant)
        }
        server.serve(ListMembers.self) { [members] request, _ in try await members.list(request) }
        server.serve(SetMember.self) { [members] request, context in
            try await members.set(request, deadline: context.deadline.instant)
        }
        server.serve(RemoveMember.self) { [members] request, context in
            try await members.remove(request, deadline: context.deadline.instant)
        }
        server.serve(MarkRead.self) { [members] request, _ in try await members.markRead(request) }
        server.serve(MarkDelivered.self) { [live] request, _ in try await live.markDelivered(request) }
        server.serve(ShowTyping.self) { [live] request, _ in try await live.showTyping(request) }
        consume(on: bus, database: database)
    }

    private func consume(on bus: Bus, database: PostgresPool) {
        var blocks = WorkQueue("blocks", inbox: Inbox(database))
        // The highest rev wins, so that a repeated or late event changes nothing.
        blocks.on(BlockChanged.self) { event, _ in try await database.execute(BlockStore.apply(event)) }
        bus.consume(blocks)
        bus.subscribe(caches.feed)
    }

    /// Deletes expired idempotency keys every 30 to 90 minutes, for the first time within two minutes.
    private func deleteExpiredKeys() async {
        try? await cancelWhenGracefulShutdown {
            var wait = Int64.random(in: 60...120)
            while true {
                try await Task.sleep(for: .seconds(wait))
                wait = .random(in: 1_800...5_400)
                do { try await newChatStore.deleteExpiredKeys() } catch {
                    logger.warning("expired idempotency keys not deleted", metadata: ["error": "\(error)"])
                }
            }
        }
    }
}

extension Deadline {
    /// The deadline by the clock that the database's deadlines use.
    fileprivate var instant: ContinuousClock.Instant { .now + .milliseconds(millisecondsLeft) }
}
