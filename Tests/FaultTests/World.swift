import Foundation
import StackTesting
import TestSupport

/// Two users with a chat on the stack of these tests, and their requests.
struct World: Sendable {
    let ada: Person
    let grace: Person
    let chat: String
    private let apis: [API]

    init() async throws {
        let apis = try Faults.apis
        for api in apis { try await Self.serves(api) }
        self.apis = apis
        ada = try await Person.new("ada", api: apis[0])
        grace = try await Person.new("grace", api: apis[1])
        chat = try await ada.chat(with: grace)
        try await sendMessage("the first").expectStatus(201)
    }

    /// Returns the user with the edge of this turn.
    func ada(_ turn: Int) -> Person {
        var person = ada
        person.api = apis[turn % apis.count]
        return person
    }

    @discardableResult
    func sendMessage(_ text: String, turn: Int = 0) async throws -> API.Response {
        try await ada(turn).sendMessage(text, in: chat)
    }

    func newest(_ turn: Int = 0) async throws -> API.Response { try await ada(turn).get("/v1/chats/\(chat)/messages?limit=1") }

    /// Waits until both edges serve all requests. Returns the time this took.
    @discardableResult
    func served() async throws -> Duration {
        let start = ContinuousClock.now
        for turn in apis.indices {
            _ = try await eventually("service") {
                guard let sent = try? await sendMessage("again", turn: turn), sent.status == 201 else { return nil as Bool? }
                guard let session = try? await Person.logIn(ada.username, api: apis[turn]) else { return nil }
                return try await session.get("/v1/me").status == 200 ? true : nil
            }
        }
        return .now - start
    }

    /// Waits until an edge serves requests: without the feed of ended sessions it rejects all until it has
    /// caught up.
    private static func serves(_ api: API) async throws {
        _ = try await eventually("service") {
            guard let early = try? await Person.new("early", api: api) else { return nil as Bool? }
            return try await early.get("/v1/me").status == 200 ? true : nil
        }
    }
}

extension OwnStack {
    /// Stops programs while `body` runs.
    func without<Result>(
        _ programs: String..., isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Result
    ) async throws -> Result {
        for program in programs { try await run("stop", program) }
        do {
            let result = try await body()
            for program in programs { try await run("start", program) }
            return result
        } catch {
            for program in programs { _ = try? await run("start", program) }
            throw error
        }
    }

    /// Returns the number of successful sends of each of the two chats instances.
    func sends() async throws -> [Double] {
        var counts: [Double] = []
        for instance in 1...2 {
            let series = #"martlet_bus_handled_total{code="ok",procedure="chats.send.v1"}"#
            counts.append(try await metric(series, of: "chats", instance) ?? 0)
        }
        return counts
    }

    /// Suspends a process while `body` runs: its connections stay open without answers.
    func silencing<Result>(
        _ program: String, isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Result
    ) async throws -> Result {
        let id = try await signal(program, SIGSTOP)
        defer { kill(id, SIGCONT) }
        return try await body()
    }
}
