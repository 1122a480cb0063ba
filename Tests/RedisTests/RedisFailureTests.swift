import Synchronization
import TestSupport
import Testing

@testable import Redis

/// Each test kills, pauses or restarts a Redis server of its own.
@Suite("Failures of the server and the connection") struct RedisFailureTests {
    @Test("without a connection, or on an old session, a command fails before it is sent")
    func notConnected() async throws {
        let client = RedisClient(.test, on: io, logger: .quiet)
        #expect(!client.isAvailable)
        await #expect(throws: RedisError.notConnected) { try await client.command(["PING"]) }
        try await withClient { client async throws in
            let other = RedisSession(generation: 99, server: "another")
            await #expect(throws: RedisError.notConnected) { try await client.command(["PING"], on: other) }
            #expect(try await client.command(["PING"], on: client.session) == .status("PONG"))
        }
    }

    @Test(
        "a killed server fails pending commands with an unknown outcome and later ones at once, until it is back")
    func killed() async throws {
        try await OwnRedis.with { redis in
            try await withClient(.patient(port: redis.port)) { client async throws in
                let before = try #require(client.session)
                redis.pause()
                let waiting = Task { try await client.command(["INCR", "n"]) }
                _ = try await eventually("sending") { await client.due == 1 ? true : nil }
                redis.kill()
                let error = await #expect(throws: RedisError.self) { try await waiting.value }
                #expect(error?.code == .connectionLost && error?.mayHaveHappened == true)
                try await client.disconnected()
                await #expect(throws: RedisError.notConnected) { try await client.command(["PING"]) }
                try redis.start()
                try await client.connected()
                #expect(try await client.command(["PING"]) == .status("PONG"))
                let after = try #require(client.session)
                #expect(after.generation == before.generation + 1)
                #expect(after.server != before.server)
            }
        }
    }

    @Test("observers get every loss and every reconnect, in order")
    func observers() async throws {
        let statuses = AsyncStream<RedisStatus>.makeStream()
        try await OwnRedis.with { redis in
            try await withClient(.patient(port: redis.port)) { client async throws in
                await client.observe { statuses.continuation.yield($0) }
                redis.kill()
                try await client.disconnected()
                try redis.start()
                try await client.connected()
            }
        }
        statuses.continuation.finish()
        var generations: [Int?] = []
        for await status in statuses.stream {
            if case .connected(let session) = status { generations.append(session.generation) } else { generations.append(nil) }
        }
        #expect(generations == [1, nil, 2, nil])
    }

    @Test("a stalled server costs callers one timeout; later commands fail at once until it is back")
    func stalled() async throws {
        try await OwnRedis.with { redis in
            var endpoint = RedisEndpoint.patient(port: redis.port)
            endpoint.commandTimeout = .milliseconds(20)
            // Late enough that a slow machine never sees both timeouts expire at once.
            endpoint.stallTimeout = .seconds(2)
            endpoint.connectTimeout = .milliseconds(200)
            try await withClient(endpoint) { client async throws in
                redis.pause()
                let error = await #expect(throws: RedisError.self) { try await client.command(["INCR", "n"]) }
                #expect(error == .timedOut)
                #expect(error?.mayHaveHappened == true)
                try await client.disconnected()
                for _ in 0..<1_000 { await #expect(throws: RedisError.notConnected) { try await client.command(["PING"]) } }
                redis.resume()
                try await client.connected()
                #expect(try await client.command(["GET", "n"], timeout: .seconds(30)) == .bytes([0x31]))
            }
        }
    }

    @Test("a stalled server is disconnected in time, also when all deadlines are later")
    func patientCallers() async throws {
        try await OwnRedis.with { redis in
            var endpoint = RedisEndpoint.patient(port: redis.port)
            endpoint.stallTimeout = .milliseconds(100)
            endpoint.connectTimeout = .milliseconds(200)
            try await withClient(endpoint) { client async throws in
                redis.pause()
                let error = await #expect(throws: RedisError.self) { try await client.command(["PING"]) }
                #expect(error?.code == .connectionLost)
            }
        }
    }

    @Test("a short stall keeps the connection, and the late reply is discarded")
    func slow() async throws {
        try await OwnRedis.with { redis in
            try await withClient(.patient(port: redis.port)) { client async throws in
                redis.pause()
                await #expect(throws: RedisError.timedOut) {
                    try await client.command(["ECHO", "late"], timeout: .milliseconds(10))
                }
                redis.resume()
                #expect(try await client.command(["ECHO", "mine"]) == .bytes(Array("mine".utf8)))
                #expect(client.session?.generation == 1)
            }
        }
    }

    @Test("cancellation ends the wait, and no other command gets the reply")
    func cancellation() async throws {
        try await OwnRedis.with { redis in
            try await withClient(.patient(port: redis.port)) { client async throws in
                redis.pause()
                let waiting = Task { try await client.command(["ECHO", "a"]) }
                _ = try await eventually("sending") { await client.due == 1 ? true : nil }
                waiting.cancel()
                let error = await #expect(throws: RedisError.self) { try await waiting.value }
                #expect(error == .cancelled(mayHaveHappened: true))
                let never = Task { () async throws -> RedisReply in
                    withUnsafeCurrentTask { $0?.cancel() }
                    return try await client.command(["ECHO", "b"])
                }
                await #expect(throws: RedisError.cancelled(mayHaveHappened: false)) { try await never.value }
                redis.resume()
                #expect(try await client.command(["ECHO", "c"]) == .bytes(Array("c".utf8)))
            }
        }
    }

    @Test("commands beyond the limit are refused at once, and the others are served")
    func inFlightBound() async throws {
        try await OwnRedis.with { redis in
            var endpoint = RedisEndpoint.patient(port: redis.port)
            endpoint.maxInFlight = 10
            try await withClient(endpoint) { client async throws in
                redis.pause()
                let waiting = (0..<10).map { number in Task { try await client.command(["ECHO", .number(Int64(number))]) } }
                _ = try await eventually("sending") { await client.due == 10 ? true : nil }
                await #expect(throws: RedisError.overloaded) { try await client.command(["PING"]) }
                redis.resume()
                for (number, task) in waiting.enumerated() { #expect(try await task.value == .bytes(Array("\(number)".utf8))) }
                #expect(try await client.command(["PING"]) == .status("PONG"))
            }
        }
    }

    @Test("bytes that wait for the socket are bounded")
    func outputBound() async throws {
        try await OwnRedis.with { redis in
            var endpoint = RedisEndpoint.patient(port: redis.port)
            endpoint.maxOutputBytes = 1_000_000
            try await withClient(endpoint) { client async throws in
                redis.pause()
                let piece = [UInt8](repeating: 7, count: 1_000_000)
                let waiting = Mutex<[Task<RedisReply, any Error>]>([])
                // The kernel buffers some of the bytes at first.
                _ = try await eventually("a full buffer") { () async throws -> Bool? in
                    waiting.withLock { $0.append(Task { try await client.command(["ECHO", .bytes(piece)]) }) }
                    do throws(RedisError) {
                        _ = try await client.command(["PING"], timeout: .milliseconds(1))
                        return nil
                    } catch {
                        return error.code == .overloaded ? true : nil
                    }
                }
                redis.resume()
                var replies = 0
                for task in waiting.withLock({ $0 }) {
                    do { replies += try await task.value == .bytes(piece) ? 1 : 0 } catch {
                        #expect(error as? RedisError == .overloaded)
                    }
                }
                #expect(replies > 0)
            }
        }
    }

    @Test("an ACL user authenticates with name and password; a wrong password is rejected")
    func accessList() async throws {
        let rules = [
            "--user", "teller", "on", ">secret", "~teller:*", "&teller:*", "+@all", "-@admin", "-@dangerous", "+info", "--user",
            "default", "off",
        ]
        try await OwnRedis.with(options: rules) { redis in
            var endpoint = RedisEndpoint.patient(port: redis.port)
            endpoint.user = "teller"
            endpoint.password = "secret"
            try await withClient(endpoint) { client async throws in
                #expect(try await client.command(["SET", "teller:a", "1"]) == .status("OK"))
                let error = await #expect(throws: RedisError.self) { try await client.command(["SET", "other:a", "1"]) }
                #expect(error?.message.hasPrefix("NOPERM") == true)
            }
            endpoint.password = "wrong"
            let error = await #expect(throws: RedisError.self) { _ = try await EstablishedConnection.connect(to: endpoint) }
            #expect(error?.code == .refused)
            #expect(error?.message.contains("secret") == false && error?.message.contains("wrong") == false)
        }
    }

    @Test("a peer that is not Redis causes an error, not a crash")
    func notRedis() async throws {
        // PostgreSQL and RabbitMQ reply to INFO in other protocols.
        for port in [TestStack.postgres.port, TestStack.rabbitmq.port] {
            var endpoint = RedisEndpoint(host: "127.0.0.1", port: port)
            endpoint.connectTimeout = .milliseconds(500)
            await #expect(throws: RedisError.self) { _ = try await EstablishedConnection.connect(to: endpoint) }
        }
    }
}

extension RedisClient {
    /// The number of replies that are due.
    fileprivate var due: Int { inFlight.count }
}
