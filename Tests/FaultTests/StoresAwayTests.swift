import Foundation
import StackTesting
import TestSupport
import Testing

extension Faults {
    @Suite("Outages of Redis and Postgres", .timeLimit(.minutes(15))) struct StoresAwayTests {
        @Test(
            "without Redis all requests work, and writes are visible at once through either edge",
            arguments: [false, true])
        func redis(silent: Bool) async throws {
            let (world, stack) = (try await World(), try stack)
            if silent {
                try await stack.silencing("redis") { try await everythingWorks(world) }
            } else {
                try await stack.without("redis") { try await everythingWorks(world) }
            }
            // Old cached values must not return with Redis.
            for turn in 0..<20 { try await writesAreSeen(world, turn) }
        }

        private func everythingWorks(_ world: World) async throws {
            for turn in 0..<10 { try await writesAreSeen(world, turn) }
            let lin = try await Person.new("lin", api: world.ada.api)
            let group = try await world.ada.group("Without Redis", with: [lin])
            try await lin.sendMessage("hello", in: group).expectStatus(201)
            #expect(try await world.ada.get("/v1/chats").items.first?["id"] as? String == group)
            let me = try await lin.get("/v1/me")
            let changed = try await lin.send(
                "PATCH", "/v1/me", json: ["displayName": "Lin"], headers: ["If-Match": me.header("ETag") ?? ""])
            #expect(changed.status == 200)
            #expect(try await lin.get("/v1/me").text("displayName") == "Lin")
        }

        /// Writes through one edge and reads through the other.
        private func writesAreSeen(_ world: World, _ turn: Int) async throws {
            let sent = try await world.sendMessage("message \(turn)", turn: turn)
            try sent.expectStatus(201)
            let seq = sent.number("seq")
            #expect(try await world.newest(turn + 1).items.first?["seq"] as? Int == seq)
            let read = try await world.ada(turn).send("PUT", "/v1/chats/\(world.chat)/read", json: ["seq": seq])
            #expect(read.status == 200)
            #expect(try await world.ada(turn + 1).get("/v1/chats/\(world.chat)").number("readSeq") == seq)
        }

        @Test("without Postgres cached reads continue, and other requests are rejected")
        func postgres() async throws {
            let (world, stack) = (try await World(), try stack)
            try await redisIsBack()
            _ = (try await world.newest(0), try await world.newest(1), try await profile(world, 0), try await profile(world, 1))
            let (reads, refusals) = try await stack.without("postgres") {
                var (reads, refusals): ([TimedResponse], [TimedResponse]) = ([], [])
                for turn in 0..<10 {
                    reads += try await read { try await world.newest(turn) }
                    reads += try await read { try await profile(world, turn) }
                    refusals.append(try await TimedResponse { try await world.sendMessage("never", turn: turn) })
                    refusals.append(try await TimedResponse { try await world.ada(turn).get("/v1/chats") })
                    let login = ["username": world.ada.username, "password": Person.password]
                    refusals.append(
                        try await TimedResponse { try await world.ada(turn).api.send("POST", "/v1/sessions", json: login) })
                }
                return (reads, refusals)
            }
            print("faults: without Postgres: reads: \(reads.summary); refusals: \(refusals.summary)")
            let (served, again) = (reads.filter { $0.answer.status == 200 }, reads.filter(\.isRefusal))
            #expect(served.count == 20 && served.count + again.count == reads.count)
            #expect(again.count <= 3)
            #expect(refusals.others == [])
            #expect(refusals.median < .milliseconds(500))
            print("faults: Postgres: served again after \(Report.text(try await world.served()))")
        }

        /// Reads, once more after a 503: without an answer from Redis within 250 ms there is no source for
        /// the read.
        private func read(_ ask: () async throws -> API.Response) async throws -> [TimedResponse] {
            let first = try await TimedResponse(ask)
            if !first.isRefusal { return [first] }
            try await redisIsBack()
            return [first, try await TimedResponse(ask)]
        }

        /// Waits until each process has reconnected to Redis after an earlier test; before that, reads are
        /// not cached.
        private func redisIsBack() async throws {
            for service in ["users", "chats"] {
                for instance in 1...2 {
                    let management = try stack.management(service, instance)
                    try await eventually("Redis for \(service) \(instance)") {
                        let dependencies = try await management.send("GET", "/readyz").json["dependencies"] as? [String: Any]
                        return (dependencies?["redis"] as? [String: Any])?["status"] as? String == "up" ? () : nil
                    }
                }
            }
        }

        private func profile(_ world: World, _ turn: Int) async throws -> API.Response {
            try await world.ada(turn).get("/v1/users/\(world.grace.id)")
        }
    }
}
