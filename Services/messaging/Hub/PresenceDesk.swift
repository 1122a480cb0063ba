import Bus
import Contracts
import Logging
import Reactor
import ServiceKit

/// Tells contacts who comes and goes, and whoever comes which contacts are there. Presence is never certain: what cannot be told is passed over.
actor PresenceDesk {
    /// After that, contacts who have not said to be there are shown as last seen.
    private static let answerTime = Duration.seconds(1)
    /// Comings and goings that are told at once; further ones wait.
    private static let atOnce = 64

    /// As many as ``RecordLastSeen`` takes.
    private static let seenAtOnce = 256

    nonisolated let io: IOThread
    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    private let bus: any ProcedureCaller
    private let deliver: @Sendable (Delivery) async throws -> Void
    private let logger: Logger
    /// In which clients of an instance that died are back elsewhere.
    private let returnTime: Duration
    private var table = PresenceTable()
    private var shown = PresenceShown()
    /// By who asks: the contacts who have not answered yet, each with the number of the question.
    private var questions: [UserID: [UserID: UInt64]] = [:]
    private var lastQuestion: UInt64 = 0
    /// A frame to a user's devices here.
    private var show: @Sendable (UserID, ServerFrame.Text) -> Void = { _, _ in }
    private let places = Admission("presence", limit: atOnce, queue: 50_000, wait: .seconds(30))

    init(
        bus: any ProcedureCaller, deliver: @escaping @Sendable (Delivery) async throws -> Void,
        returnTime: Duration = .seconds(10), on io: IOThread, logger: Logger
    ) {
        (self.bus, self.deliver, self.returnTime, self.io, self.logger) = (bus, deliver, returnTime, io, logger)
    }

    // MARK: Who comes and goes here

    /// A device of the user has a socket.
    func came(_ user: UserID, _ session: SessionID) {
        let isNews = table.came(user, session)
        later { await $0.askAll(of: user, isNews ? .newsAndQuestion : .question) }
    }

    /// - Parameter show: shows a frame to a user's devices here.
    func begin(show: @escaping @Sendable (UserID, ServerFrame.Text) -> Void) { self.show = show }

    /// A device of the user has no socket any more.
    func left(_ user: UserID, _ session: SessionID) { table.left(user, session, at: .now) }

    /// They belong to another instance now.
    func moved(_ user: UserID) {
        shown.forget(user)
        guard table.moved(user) else { return }
        io.schedule(after: PresenceTable.grace * 2) { [weak self] in self?.assumeIsolated { $0.letGo(user) } }
    }

    /// Once a second.
    func tick(now: ContinuousClock.Instant) {
        let gone = table.gone(now: now)
        if gone.devices.isEmpty { return }
        later { await $0.noteSeen(gone.devices) }
        for user in gone.users {
            shown.forget(user)
            later { await $0.announceGone(user) }
        }
    }

    /// Others have these partitions now. Whoever had them may have died without a word about its users: once they have had time to come back, those who saw
    /// them there ask again.
    func changedHands(_ isMeant: @escaping @Sendable (UserID) -> Bool) {
        io.schedule(after: returnTime) { [weak self] in self?.assumeIsolated { $0.askAgain(isMeant) } }
    }

    /// Another user is a contact of this one from now on, or is none any more.
    func contactChanged(_ user: UserID, _ other: UserID) { later { await $0.lookAt(other, for: user) } }

    /// Everybody who is still here is let go. There is nobody left to whom they could go, and few to whom it could be told: whoever saw them asks again
    /// when others have their partitions.
    func close() async { await noteSeen(table.all()) }

    // MARK: What other instances tell

    /// - Parameter present: those of the recipients who are here.
    func heard(_ presence: Delivery.Presence, present: [UserID]) {
        switch presence.kind {
        case .newsAndQuestion, .question: later { await $0.answer(presence.userID, present) }
        case .disconnected where !table.isOnline(presence.userID): later { await $0.announceGone(presence.userID) }
        default: break
        }
        if presence.kind == .news || presence.kind == .newsAndQuestion {
            shown.note(presence.userID, online: presence.online, to: present)
        }
        if presence.online { for user in present { answered(user, by: presence.userID) } }
    }

    // MARK: Telling

    private func askAll(of user: UserID, _ kind: Delivery.Presence.Kind) async {
        guard table.isOnline(user), let contacts = await contacts(of: user) else { return }
        await ask(contacts, of: user, kind) { $0.showAbsent($1, to: user) }
    }

    /// - Parameter onSilence: called for each who has not said to be there after a while.
    private func ask(
        _ contacts: [PresenceContact], of user: UserID, _ kind: Delivery.Presence.Kind,
        onSilence: @escaping @Sendable (isolated PresenceDesk, PresenceContact) -> Void
    ) async {
        if contacts.isEmpty { return }
        lastQuestion += 1
        let (number, ids) = (lastQuestion, contacts.map(\.userID))
        for id in ids { questions[user, default: [:]][id] = number }
        await tell(ids, ServerFrame.presence(user, online: true), .init(kind: kind, userID: user, online: true))
        io.schedule(after: Self.answerTime) { [weak self] in
            self?.assumeIsolated { desk in
                for contact in contacts where desk.questions[user]?[contact.userID] == number {
                    desk.answered(user, by: contact.userID)
                    onSilence(desk, contact)
                }
            }
        }
    }

    /// Nothing is waited for any more.
    private func answered(_ user: UserID, by contact: UserID) {
        questions[user]?[contact] = nil
        if questions[user]?.isEmpty == true { questions[user] = nil }
    }

    private func showAbsent(_ contact: PresenceContact, to user: UserID) {
        guard table.isOnline(user), contact.lastSeenAt != nil else { return }
        show(user, ServerFrame.presence(contact.userID, online: false, lastSeenAt: contact.lastSeenAt))
    }

    // MARK: What was shown and may be wrong by now

    private func askAgain(_ isMeant: (UserID) -> Bool) {
        for (user, seen) in shown.seen(where: isMeant) { later { await $0.askAgain(user, seen) } }
    }

    /// Those who are contacts still are asked; the others are there no longer, for this user.
    private func askAgain(_ user: UserID, _ seen: Set<UserID>) async {
        guard table.isOnline(user) else { return }
        guard let contacts = await contacts(of: user) else {
            io.schedule(after: returnTime) { [weak self] in
                self?.assumeIsolated { desk in desk.later { await $0.askAgain(user, seen) } }
            }
            return
        }
        let asked = contacts.filter { seen.contains($0.userID) }
        for other in seen.subtracting(asked.map(\.userID)) { takeBack(other, from: user) }
        await ask(asked, of: user, .question) { $0.takeBack($1.userID, from: user) }
    }

    /// What is so today counts, whatever was told: that may be late. Where nobody knows, nothing is shown of anybody.
    private func lookAt(_ other: UserID, for user: UserID) async {
        guard table.isOnline(user) else { return }
        let contact = await contacts(of: user)?.first { $0.userID == other }
        guard let contact else { return takeBack(other, from: user) }
        await ask([contact], of: user, .question) { $0.showAbsent($1, to: user) }
    }

    private func takeBack(_ contact: UserID, from user: UserID) {
        guard shown.isShown(contact, to: user) else { return }
        shown.note(contact, online: false, to: [user])
        show(user, ServerFrame.presence(contact, online: false))
    }

    // MARK: Answering

    private func answer(_ user: UserID, _ present: [UserID]) async {
        let items = present.filter { $0 != user && table.isOnline($0) }.map { contact in
            Self.item([user], ServerFrame.presence(contact, online: true), .init(kind: .news, userID: contact, online: true))
        }
        if !items.isEmpty { await tell(items) }
    }

    /// When they were last here, many at a time.
    private func noteSeen(_ gone: [PresenceTable.Device]) async {
        let now = Timestamp.now
        for start in stride(from: 0, to: gone.count, by: Self.seenAtOnce) {
            let part = gone[start..<min(gone.count, start + Self.seenAtOnce)]
            _ = try? await bus.call(RecordLastSeen(users: part.map { .init(userID: $0.user, sessionID: $0.session, at: now) }))
        }
    }

    private func announceGone(_ user: UserID) async {
        let now = Timestamp.now
        guard let contacts = await contacts(of: user), !contacts.isEmpty, !table.isOnline(user) else { return }
        await tell(
            contacts.map(\.userID), ServerFrame.presence(user, online: false, lastSeenAt: now),
            .init(kind: .news, userID: user, online: false))
    }

    private func letGo(_ user: UserID) {
        if table.isOnline(user) { return }
        later { await $0.tell([user], [], .init(kind: .disconnected, userID: user, online: false)) }
    }

    private func contacts(of user: UserID) async -> [PresenceContact]? {
        do { return try await bus.call(ListPresenceContacts(userID: user)).contacts } catch {
            logger.info("contacts were not told", metadata: ["error": "\((error as? ServiceError)?.code.rawValue ?? "-")"])
            return nil
        }
    }

    private func tell(_ recipients: [UserID], _ text: ServerFrame.Text, _ presence: Delivery.Presence) async {
        await tell([Self.item(recipients, text, presence)])
    }

    private func tell(_ items: [Delivery.Item]) async { try? await deliver(Delivery(items: items)) }

    private static func item(_ recipients: [UserID], _ text: ServerFrame.Text, _ presence: Delivery.Presence) -> Delivery.Item {
        Delivery.Item(recipients: recipients, frame: String(decoding: text, as: UTF8.self), presence: presence)
    }

    private func later(_ body: @escaping @Sendable (PresenceDesk) async -> Void) {
        Task(executorPreference: io) {
            try? await self.places.run { await body(self) }
        }
    }
}
