import Bus
import Contracts
import Logging
import Reactor
import ServiceKit

/// Announces to contacts which users come online and go offline, and asks for the presence of contacts.
///
/// Presence is best effort: an announcement that cannot be sent is dropped.
actor PresenceService {
    /// How long contacts have to answer a question. The others are shown as last seen.
    private static let answerTime = Duration.seconds(1)
    /// Announcements in flight; further ones are queued.
    private static let concurrency = 64
    /// The most that one ``RecordLastSeen`` may contain.
    private static let seenBatchSize = 256

    nonisolated let io: IOThread
    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    private let bus: any ProcedureCaller
    private let deliver: @Sendable (Delivery) async throws -> Void
    private let logger: Logger
    /// How long clients of an instance that has died take to reconnect elsewhere.
    private let returnTime: Duration
    private var table = PresenceTable()
    private var shown = ShownPresence()
    /// By the user who asks: the contacts who have not answered yet, each with the number of the question.
    private var questions: [UserID: [UserID: UInt64]] = [:]
    private var lastQuestion: UInt64 = 0
    /// Sends a frame to the user's devices on this instance.
    private var send: @Sendable (UserID, ServerFrame.Text) -> Void = { _, _ in }
    private let admission = Admission("presence", limit: concurrency, queue: 50_000, wait: .seconds(30))

    /// - Parameter deliver: publishes frames for clients of any instance.
    init(
        bus: any ProcedureCaller, deliver: @escaping @Sendable (Delivery) async throws -> Void,
        returnTime: Duration = .seconds(10), on io: IOThread, logger: Logger
    ) {
        self.bus = bus
        self.deliver = deliver
        self.returnTime = returnTime
        self.io = io
        self.logger = logger
    }

    // MARK: Events

    /// Call once, before the first client connects.
    ///
    /// - Parameter send: sends a frame to the user's devices on this instance.
    func start(send: @escaping @Sendable (UserID, ServerFrame.Text) -> Void) { self.send = send }

    func apply(_ change: PresenceChange) {
        switch change {
        case .connected(let user, let session):
            let wasOffline = table.connect(user, session)
            enqueue { await $0.askAll(of: user, wasOffline ? .newsAndQuestion : .question) }
        case .disconnected(let user, let session): table.disconnect(user, session, at: .now)
        case .moved(let user): move(user)
        case .contactChanged(let user, let other): enqueue { await $0.updatePresence(of: other, for: user) }
        case .received(let presence, let online): receive(presence, online: online)
        }
    }

    /// Announces the users who have not returned in time. Call it once a second.
    func tick(now: ContinuousClock.Instant) {
        let departed = table.expire(now: now)
        if departed.devices.isEmpty { return }
        enqueue { await $0.recordLastSeen(departed.devices) }
        for user in departed.users {
            shown.forget(user)
            enqueue { await $0.announceOffline(user) }
        }
    }

    /// Partitions have moved to other instances. Their previous owner may have died without announcing its
    /// users, so what was shown of these users is verified once their clients have had time to reconnect.
    func partitionsReassigned(_ contains: @escaping @Sendable (UserID) -> Bool) {
        io.schedule(after: returnTime) { [weak self] in
            self?.assumeIsolated { service in
                for (user, contacts) in service.shown.contacts(where: contains) {
                    service.enqueue { await $0.verify(contacts, shownTo: user) }
                }
            }
        }
    }

    /// Records when all users were last seen. Nothing is announced: the instances that get their partitions
    /// verify what was shown of them.
    func close() async { await recordLastSeen(table.removeAll()) }

    private func move(_ user: UserID) {
        shown.forget(user)
        guard table.move(user) else { return }
        io.schedule(after: PresenceTable.grace * 2) { [weak self] in
            self?.assumeIsolated { service in
                if service.table.isOnline(user) { return }
                service.enqueue { await $0.publish(to: [user], [], .init(kind: .disconnected, userID: user, online: false)) }
            }
        }
    }

    /// Another instance sent this.
    ///
    /// - Parameter online: the recipients that are connected here.
    private func receive(_ presence: Delivery.Presence, online: [UserID]) {
        let user = presence.userID
        switch presence.kind {
        case .newsAndQuestion, .question: enqueue { await $0.answer(user, for: online) }
        case .disconnected where !table.isOnline(user): enqueue { await $0.announceOffline(user) }
        default: break
        }
        if presence.kind == .news || presence.kind == .newsAndQuestion {
            shown.record(user, online: presence.online, to: online)
        }
        if presence.online { for asker in online { removeQuestion(of: asker, to: user) } }
    }

    // MARK: Questions

    private func askAll(of user: UserID, _ kind: Delivery.Presence.Kind) async {
        // Checked again after the await: the user may have gone offline meanwhile, and that may be announced
        // already.
        guard table.isOnline(user), let contacts = await contacts(of: user), table.isOnline(user) else { return }
        await ask(contacts, for: user, kind) { $0.showLastSeen(of: $1, to: user) }
    }

    /// - Parameter onSilence: called for each contact who has not answered in time.
    private func ask(
        _ contacts: [PresenceContact], for user: UserID, _ kind: Delivery.Presence.Kind,
        onSilence: @escaping @Sendable (isolated PresenceService, PresenceContact) -> Void
    ) async {
        if contacts.isEmpty { return }
        lastQuestion += 1
        let (number, ids) = (lastQuestion, contacts.map(\.userID))
        for id in ids { questions[user, default: [:]][id] = number }
        await publish(to: ids, ServerFrame.presence(user, online: true), .init(kind: kind, userID: user, online: true))
        io.schedule(after: Self.answerTime) { [weak self] in
            self?.assumeIsolated { service in
                for contact in contacts where service.questions[user]?[contact.userID] == number {
                    service.removeQuestion(of: user, to: contact.userID)
                    onSilence(service, contact)
                }
            }
        }
    }

    private func removeQuestion(of user: UserID, to contact: UserID) {
        questions[user]?[contact] = nil
        if questions[user]?.isEmpty == true { questions[user] = nil }
    }

    private func showLastSeen(of contact: PresenceContact, to user: UserID) {
        guard table.isOnline(user), contact.lastSeenAt != nil else { return }
        send(user, ServerFrame.presence(contact.userID, online: false, lastSeenAt: contact.lastSeenAt))
    }

    // MARK: Presence that may be outdated

    /// Asks contacts again that were shown as online. Users who are contacts no more are shown as offline.
    private func verify(_ shownContacts: Set<UserID>, shownTo user: UserID) async {
        guard table.isOnline(user) else { return }
        guard let contacts = await contacts(of: user) else {
            io.schedule(after: returnTime) { [weak self] in
                self?.assumeIsolated { service in service.enqueue { await $0.verify(shownContacts, shownTo: user) } }
            }
            return
        }
        guard table.isOnline(user) else { return }
        let asked = contacts.filter { shownContacts.contains($0.userID) }
        for other in shownContacts.subtracting(asked.map(\.userID)) { showOffline(other, to: user) }
        await ask(asked, for: user, .question) { $0.showOffline($1.userID, to: user) }
    }

    /// Reads whether the other user is a contact now: the event that caused this may be late.
    private func updatePresence(of other: UserID, for user: UserID) async {
        guard table.isOnline(user) else { return }
        let contact = await contacts(of: user)?.first { $0.userID == other }
        guard table.isOnline(user) else { return }
        guard let contact else { return showOffline(other, to: user) }
        await ask([contact], for: user, .question) { $0.showLastSeen(of: $1, to: user) }
    }

    private func showOffline(_ contact: UserID, to user: UserID) {
        guard shown.isShown(contact, to: user) else { return }
        shown.record(contact, online: false, to: [user])
        send(user, ServerFrame.presence(contact, online: false))
    }

    // MARK: Announcements

    /// Tells the user which of the asked contacts are online here.
    private func answer(_ user: UserID, for contacts: [UserID]) async {
        let items = contacts.filter { $0 != user && table.isOnline($0) }.map { contact in
            Self.item(
                to: [user], ServerFrame.presence(contact, online: true), .init(kind: .news, userID: contact, online: true))
        }
        if !items.isEmpty { await publish(items) }
    }

    private func recordLastSeen(_ devices: [PresenceTable.Device]) async {
        let now = Timestamp.now
        for start in stride(from: 0, to: devices.count, by: Self.seenBatchSize) {
            let batch = devices[start..<min(devices.count, start + Self.seenBatchSize)]
            _ = try? await bus.call(RecordLastSeen(users: batch.map { .init(userID: $0.user, sessionID: $0.session, at: now) }))
        }
    }

    private func announceOffline(_ user: UserID) async {
        let now = Timestamp.now
        guard let contacts = await contacts(of: user), !contacts.isEmpty, !table.isOnline(user) else { return }
        await publish(
            to: contacts.map(\.userID), ServerFrame.presence(user, online: false, lastSeenAt: now),
            .init(kind: .news, userID: user, online: false))
    }

    /// - Returns: `nil` if `users` does not answer.
    private func contacts(of user: UserID) async -> [PresenceContact]? {
        do { return try await bus.call(ListPresenceContacts(userID: user)).contacts } catch {
            let code = (error as? ServiceError)?.code.rawValue ?? "-"
            logger.info("contacts could not be read", metadata: ["user_id": "\(user)", "error": "\(code)"])
            return nil
        }
    }

    private func publish(to recipients: [UserID], _ text: ServerFrame.Text, _ presence: Delivery.Presence) async {
        await publish([Self.item(to: recipients, text, presence)])
    }

    private func publish(_ items: [Delivery.Item]) async { try? await deliver(Delivery(items: items)) }

    private static func item(
        to recipients: [UserID], _ text: ServerFrame.Text, _ presence: Delivery.Presence
    ) -> Delivery.Item {
        Delivery.Item(recipients: recipients, frame: String(decoding: text, as: UTF8.self), presence: presence)
    }

    /// Runs `body` once fewer than ``concurrency`` announcements are in flight.
    private func enqueue(_ body: @escaping @Sendable (PresenceService) async -> Void) {
        Task(executorPreference: io) {
            try? await self.admission.run { await body(self) }
        }
    }
}
