import Foundation
import StackTesting
import TestSupport
import Testing

extension Faults {
    @Suite("Outages of one service", .timeLimit(.minutes(15))) struct ServiceAwayTests {
        /// The requests of users, by name.
        private static let actions: [String: @Sendable (World, Int) async throws -> API.Response] = [
            "send": { try await $0.sendMessage("a word", turn: $1) },
            "history": { try await $0.newest($1) },
            "chats": { try await $0.ada($1).get("/v1/chats") },
            "me": { try await $0.ada($1).get("/v1/me") },
            "log in": {
                let login = ["username": $0.ada.username, "password": Person.password]
                return try await $0.ada($1).api.send("POST", "/v1/sessions", json: login)
            },
            "connections": { try await $0.ada($1).get("/v1/connections") },
        ]

        @Test(
            "only requests that need the service fail, and they fail at once",
            arguments: [
                ("users", ["me", "log in", "connections"]), ("chats", ["send", "history", "chats"]),
                ("idgen", ["send", "log in"]),
            ])
        func away(service: String, needed: [String]) async throws {
            let world = try await World()
            try await stack.without(service, "\(service)-2") {
                var refusals: [TimedResponse] = []
                for (name, action) in Self.actions {
                    for turn in 0..<6 {
                        let timed = try await TimedResponse { try await action(world, turn) }
                        if needed.contains(name) { refusals.append(timed) } else { #expect(timed.answer.status < 300, "\(name)") }
                    }
                }
                print("faults: without \(service): \(refusals.summary)")
                // Without idgen, each process of the other services may still use its prefetched ids.
                #expect(refusals.others.count <= (service == "idgen" ? 4 : 0), "\(refusals.others)")
                #expect(refusals.median < .milliseconds(100))
                #expect(refusals.slowest < .seconds(1))
            }
            print("faults: \(service): served again after \(Report.text(try await world.served()))")
        }
    }
}
