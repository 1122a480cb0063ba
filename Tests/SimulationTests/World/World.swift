import Contracts

@testable import Bus
@testable import Chats

/// Two processes of each service, what they keep, four people, and all that can go wrong between them. All of it follows from the seed.
final class World {
    let simulator: Simulator
    let weather: Weather
    let broker: Broker
    let chatRows: ChatRows
    let userRows: UserRows
    private(set) var edges: [EdgeHost] = []
    private(set) var chats: [ChatsHost] = []
    private(set) var idgens: [IDGenHost] = []
    private(set) var users: [UsersHost] = []
    private(set) var people: [Person] = []
    let blockQueue: FactQueue
    let sentQueue: FactQueue
    /// Of what an integration has heard, each message once.
    private(set) var heard: [ChatID: [Int64: Message]] = [:]
    private(set) var issuedIDs = 0
    private var ids: Set<Int64> = []
    private(set) var databasesAway: Set<String> = []
    private let integration: Host

    init(seed: UInt64, isTraced: Bool = false) {
        simulator = Simulator(seed: seed, isTraced: isTraced)
        weather = Weather(simulator)
        broker = Broker(simulator, weather)
        (chatRows, userRows) = (ChatRows(simulator), UserRows(simulator))
        blockQueue = FactQueue(BlockChanged.type, simulator, broker)
        sentQueue = FactQueue(MessagesSent.type, simulator, broker)
        integration = Host("integration", simulator)
        simulator.note("\(weather)")
        makeHosts()
        makePeople()
    }

    var hosts: [Host] { edges + chats + idgens + users }

    /// The bus never repeats a try by itself, so that an error speaks for the whole of it. A real broker does not; see `Broker`.
    var isExact: Bool { weather.double == 0 }

    private func makeHosts() {
        let leases = LeaseRows(numbers: Int(simulator.between(2, 4)))
        for number in 1...2 {
            edges.append(EdgeHost("bff \(number)", simulator, broker))
            chats.append(ChatsHost("chats \(number)", simulator, broker, chatRows, blockQueue, wire("chats")))
            users.append(UsersHost("users \(number)", simulator, broker, userRows, wire("users")))
            idgens.append(
                IDGenHost("idgen \(number)", simulator, broker, leases, wire("idgen")) { [unowned self] in issued($1, by: $0) })
        }
        sentQueue.add(integration) { [unowned self] in hear($0, $1) }
    }

    private func makePeople() {
        let users = (1...4).map { UserID(rawValue: $0) }
        let (all, group, one, other) = (chat(1), chat(2), chat(3), chat(4))
        chatRows.open(all, .group, users)
        chatRows.open(group, .group, Array(users[0...1]))
        chatRows.open(one, .direct, Array(users[0...1]))
        chatRows.open(other, .direct, Array(users[2...3]))
        people = [
            Person(users[0], in: [all, group, one], other: users[1], self),
            Person(users[1], in: [all, group, one], other: users[0], self),
            Person(users[2], in: [all, other], other: users[3], self),
            Person(users[3], in: [all, other], other: users[2], self),
        ]
    }

    private func chat(_ number: Int64) -> ChatID { ChatID(rawValue: number) }

    private func wire(_ schema: String) -> (Host) -> Wire {
        { [unowned self] host in
            Wire(host: host, weather: { self.broker.weather }, isAway: { self.databasesAway.contains(schema) })
        }
    }

    func start() {
        for host in hosts + [integration] { host.start() }
        for person in people { person.begin() }
    }

    /// Lets go of all that was still to happen, and with it of everybody concerned.
    func end() { simulator.end() }

    func takeAway(_ schema: String, for milliseconds: Int64) {
        databasesAway.insert(schema)
        simulator.after(milliseconds) { self.databasesAway.remove(schema) }
    }

    // MARK: What is seen

    private func issued(_ run: NextIDs.Run, by host: IDGenHost) {
        issuedIDs += run.count
        for id in run.ids where !ids.insert(id.rawValue).inserted {
            return simulator.violated("\(host.name) issues an id that was issued before: \(id)")
        }
    }

    /// As consumers should: twice the same is once.
    private func hear(_ event: OutboxEvent, _ done: FactQueue.Done) {
        guard let fact = event.decoded(as: MessagesSent.self) else { return simulator.violated("a fact cannot be read") }
        for message in fact.messages {
            let earlier = heard[message.chatID, default: [:]].updateValue(message, forKey: message.seq)
            simulator.check(earlier == nil || earlier == message, "two messages with one seq are told of: \(message.seq)")
        }
        done()
    }
}
