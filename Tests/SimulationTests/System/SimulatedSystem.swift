import Contracts

@testable import Bus
@testable import Chats

/// Two processes of each service, their databases, the broker and four people. The seed determines everything
/// that happens.
final class SimulatedSystem {
    let simulator: Simulator
    let faults: FaultProfile
    let broker: Broker
    let chatRows: ChatRows
    let userRows: UserRows
    private(set) var edges: [EdgeHost] = []
    private(set) var chats: [ChatsHost] = []
    private(set) var idgens: [IDGenHost] = []
    private(set) var users: [UsersHost] = []
    private(set) var people: [Person] = []
    let blockQueue: ConsumerQueue
    let sentQueue: ConsumerQueue
    /// The messages that an integration has received.
    private(set) var received: [ChatID: [Int64: Message]] = [:]
    private(set) var issuedIDs = 0
    private var ids: Set<Int64> = []
    private(set) var stoppedDatabases: Set<String> = []
    private let integration: Host

    init(seed: UInt64, isTraced: Bool = false) {
        simulator = Simulator(seed: seed, isTraced: isTraced)
        faults = FaultProfile(simulator)
        broker = Broker(simulator, faults)
        chatRows = ChatRows(simulator)
        userRows = UserRows(simulator)
        blockQueue = ConsumerQueue(BlockChanged.type, simulator, broker: broker)
        sentQueue = ConsumerQueue(MessagesSent.type, simulator, broker: broker)
        integration = Host("integration", simulator)
        simulator.record("\(faults)")
        makeHosts()
        makePeople()
    }

    var hosts: [Host] { edges + chats + idgens + users }

    /// Whether the bus delivers no call twice, so that an error describes the only attempt. A real broker
    /// does not do that; see `Broker`.
    var isExact: Bool { faults.duplicate == 0 }

    private func makeHosts() {
        let leases = LeaseRows(numbers: Int(simulator.between(2, 4)))
        for number in 1...2 {
            edges.append(EdgeHost("bff \(number)", simulator, broker: broker))
            chats.append(
                ChatsHost(
                    "chats \(number)", simulator, broker: broker, rows: chatRows, blocks: blockQueue,
                    database: database("chats")))
            users.append(
                UsersHost("users \(number)", simulator, broker: broker, rows: userRows, database: database("users")))
            idgens.append(
                IDGenHost("idgen \(number)", simulator, broker: broker, leases: leases, database: database("idgen")) {
                    [unowned self] in issued($1, by: $0)
                })
        }
        sentQueue.add(integration) { [unowned self] in receive($0, $1) }
    }

    private func makePeople() {
        let users = (1...4).map { UserID(rawValue: $0) }
        let (all, group, one, other) = (chat(1), chat(2), chat(3), chat(4))
        chatRows.create(all, .group, members: users)
        chatRows.create(group, .group, members: Array(users[0...1]))
        chatRows.create(one, .direct, members: Array(users[0...1]))
        chatRows.create(other, .direct, members: Array(users[2...3]))
        people = [
            Person(users[0], in: [all, group, one], other: users[1], system: self),
            Person(users[1], in: [all, group, one], other: users[0], system: self),
            Person(users[2], in: [all, other], other: users[3], system: self),
            Person(users[3], in: [all, other], other: users[2], system: self),
        ]
    }

    private func chat(_ number: Int64) -> ChatID { ChatID(rawValue: number) }

    private func database(_ schema: String) -> (Host) -> DatabaseLink {
        { [unowned self] host in
            DatabaseLink(host: host, faults: { self.broker.faults }, isAway: { self.stoppedDatabases.contains(schema) })
        }
    }

    func start() {
        for host in hosts + [integration] { host.start() }
        for person in people { person.begin() }
    }

    /// Drops the remaining actions, which retain the hosts.
    func end() { simulator.end() }

    func stopDatabase(_ schema: String, for milliseconds: Int64) {
        stoppedDatabases.insert(schema)
        simulator.after(milliseconds) { self.stoppedDatabases.remove(schema) }
    }

    // MARK: Observations

    private func issued(_ run: NextIDs.Run, by host: IDGenHost) {
        issuedIDs += run.count
        for id in run.ids where !ids.insert(id.rawValue).inserted {
            return simulator.violated("\(host.name) issues an id for the second time: \(id)")
        }
    }

    /// Receives an event as an integration, which ignores repeats.
    private func receive(_ event: OutboxEvent, _ acknowledge: ConsumerQueue.Acknowledge) {
        guard let sent = event.decoded(as: MessagesSent.self) else { return simulator.violated("an event cannot be decoded") }
        for message in sent.messages {
            let earlier = received[message.chatID, default: [:]].updateValue(message, forKey: message.seq)
            simulator.check(earlier == nil || earlier == message, "two messages with one seq were published: \(message.seq)")
        }
        acknowledge()
    }
}
