import Redis
import Testing

@Suite("Commands and scripts") struct RedisClientTests {
    @Test("keys and values may contain any bytes: zeros, line ends, invalid UTF-8")
    func binarySafe() async throws {
        try await withClient { client async throws in
            let (key, value): (RedisArgument, [UInt8]) = (
                .bytes(Array("redis-test:".utf8) + [0, 255, 13, 10, 200]), Array(0...255)
            )
            let stored = try await client.command(["SET", key, .bytes(value), "PX", 60_000])
            #expect(stored == .status("OK"))
            #expect(try await client.command(["GET", key]) == .bytes(value))
            #expect(try await client.command(["DEL", key]) == .integer(1))
            #expect(try await client.command(["GET", key]) == .null)
        }
    }

    @Test("a value of megabytes is stored and read whole, and does not affect small ones")
    func largeValues() async throws {
        try await withClient { client async throws in
            let key = uniqueKey()
            let value = (0..<2_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            async let stored = client.command(["SET", key, .bytes(value), "PX", 60_000])
            async let small = client.command(["ECHO", "small"])
            #expect(try await stored == .status("OK"))
            #expect(try await small == .bytes(Array("small".utf8)))
            #expect(try await client.command(["GET", key]) == .bytes(value))
            _ = try await client.command(["DEL", key])
        }
    }

    @Test("an error reply is thrown with its text, and does not affect other commands")
    func refusal() async throws {
        try await withClient { client async throws in
            let key = uniqueKey()
            _ = try await client.command(["SET", key, "text", "PX", 60_000])
            let error = await #expect(throws: RedisError.self) { try await client.command(["INCR", key]) }
            #expect(error?.code == .refused)
            #expect(error?.message.hasPrefix("ERR value is not an integer") == true)
            #expect(try await client.command(["GET", key]) == .bytes(Array("text".utf8)))
        }
    }

    @Test("an error inside an array is an element of the reply")
    func nestedError() async throws {
        try await withClient { client async throws in
            let reply = try await client.command(["EVAL", "return {1, false, {'x', redis.error_reply('no')}}", 0])
            #expect(reply == .array([.integer(1), .null, .array([.bytes(Array("x".utf8)), .error("ERR no")])]))
        }
    }

    @Test("a thousand concurrent callers each get their own reply")
    func manyAtOnce() async throws {
        try await withClient { client async throws in
            try await withThrowingTaskGroup(of: (Int, RedisReply).self) { group in
                for number in 0..<1_000 {
                    group.addTask { (number, try await client.command(["ECHO", .number(Int64(number))])) }
                }
                for try await (number, reply) in group { #expect(reply == .bytes(Array(String(number).utf8))) }
            }
        }
    }

    @Test("a script runs by its digest, also on a server that does not have it")
    func scripts() async throws {
        try await withClient { client async throws in
            let script = RedisScript("return {KEYS[1], ARGV[1]} -- \(UInt64.random(in: .min ... .max))")
            let expected = RedisReply.array([.bytes([1]), .bytes([0, 2])])
            #expect(try await client.run(script, keys: [.bytes([1])], arguments: [.bytes([0, 2])]) == expected)
            _ = try await client.command(["SCRIPT", "FLUSH"])
            #expect(try await client.run(script, keys: [.bytes([1])], arguments: [.bytes([0, 2])]) == expected)
        }
    }
}
