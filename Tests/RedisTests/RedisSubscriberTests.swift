import TestSupport
import Testing

@testable import Redis

@Suite("Subscriptions") struct RedisSubscriberTests {
    private func message(_ channel: String, _ payload: [UInt8]) -> RedisSubscriptionEvent {
        .message(RedisMessage(channel: Array(channel.utf8), payload: payload))
    }

    /// Calls `body` with a subscriber and a client of the same server, both connected.
    private func withSubscriber(
        _ endpoint: RedisEndpoint = .test, heartbeat: Duration = .seconds(2),
        _ body: @escaping @Sendable (RedisSubscriber, RedisClient) async throws -> Void
    ) async throws {
        let subscriber = RedisSubscriber(endpoint, on: io, heartbeat: heartbeat, logger: .quiet)
        try await withClient(endpoint) { client async throws in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await subscriber.run() }
                defer { group.cancelAll() }
                try await body(subscriber, client)
            }
        }
    }

    @Test("messages after the start arrive in order, with any bytes, and only at the listeners of their channel")
    func channels() async throws {
        try await withSubscriber { subscriber, client async throws in
            let (name, other) = (TestStack.uniqueName("news"), TestStack.uniqueName("other"))
            let (feed, otherFeed) = (EventRecorder(), EventRecorder())
            _ = await subscriber.subscribe(.channel(name), feed.listener)
            _ = await subscriber.subscribe(.channel(other), otherFeed.listener)
            #expect(await feed.next() == .started)
            #expect(await otherFeed.next() == .started)
            for number in UInt8(0)..<100 {
                _ = try await client.command(["PUBLISH", .text(name), .bytes([number, 0, 13, 10, 255])])
            }
            _ = try await client.command(["PUBLISH", .text(other), "hello"])
            for number in UInt8(0)..<100 { #expect(await feed.next() == message(name, [number, 0, 13, 10, 255])) }
            #expect(await otherFeed.next() == message(other, Array("hello".utf8)))
        }
    }

    @Test("a pattern receives the messages of every matching channel, with its name")
    func patterns() async throws {
        try await withSubscriber { subscriber, client async throws in
            let (name, feed) = (TestStack.uniqueName("news"), EventRecorder())
            _ = await subscriber.subscribe(.pattern(name + ".*"), feed.listener)
            #expect(await feed.next() == .started)
            _ = try await client.command(["PUBLISH", .text(name), "no"])
            _ = try await client.command(["PUBLISH", .text(name + ".a"), "yes"])
            #expect(await feed.next() == message(name + ".a", Array("yes".utf8)))
        }
    }

    @Test("listeners of one channel subscribe and unsubscribe independently")
    func sharedChannel() async throws {
        try await withSubscriber { subscriber, client async throws in
            let (name, first, second) = (TestStack.uniqueName("news"), EventRecorder(), EventRecorder())
            let subscription = await subscriber.subscribe(.channel(name), first.listener)
            #expect(await first.next() == .started)
            _ = await subscriber.subscribe(.channel(name), second.listener)
            #expect(await second.next() == .started)
            await subscriber.unsubscribe(subscription)
            await subscriber.unsubscribe(subscription)
            #expect(try await client.command(["PUBLISH", .text(name), "x"]) == .integer(1))
            #expect(await second.next() == message(name, [0x78]))
        }
    }

    @Test("a listener that resubscribes at once gets a start, and later messages")
    func comeBack() async throws {
        try await withSubscriber { subscriber, client async throws in
            let (name, first, second) = (TestStack.uniqueName("news"), EventRecorder(), EventRecorder())
            let subscription = await subscriber.subscribe(.channel(name), first.listener)
            await subscriber.unsubscribe(subscription)
            _ = await subscriber.subscribe(.channel(name), second.listener)
            #expect(await second.next() == .started)
            #expect(try await client.command(["PUBLISH", .text(name), "x"]) == .integer(1))
            #expect(await second.next() == message(name, [0x78]))
        }
    }

    @Test("a lost connection is reported, and every subscription is restored")
    func reconnect() async throws {
        try await OwnRedis.with { redis in
            try await withSubscriber(.patient(port: redis.port)) { subscriber, client async throws in
                let (plain, pattern) = (EventRecorder(), EventRecorder())
                _ = await subscriber.subscribe(.channel("a"), plain.listener)
                _ = await subscriber.subscribe(.pattern("a*"), pattern.listener)
                #expect(await plain.next() == .started)
                #expect(await pattern.next() == .started)
                redis.kill()
                #expect(await plain.next() == .lost)
                #expect(await pattern.next() == .lost)
                try redis.start()
                #expect(await plain.next() == .started)
                #expect(await pattern.next() == .started)
                try await client.connected()
                _ = try await client.command(["PUBLISH", "a", "x"])
                #expect(await plain.next() == message("a", [0x78]))
                #expect(await pattern.next() == message("a", [0x78]))
            }
        }
    }

    @Test("a paused Redis is disconnected after two heartbeats, and reconnected when it resumes")
    func silence() async throws {
        try await OwnRedis.with { redis in
            try await withSubscriber(.patient(port: redis.port), heartbeat: .milliseconds(50)) { subscriber, _ async throws in
                let feed = EventRecorder()
                _ = await subscriber.subscribe(.channel("a"), feed.listener)
                #expect(await feed.next() == .started)
                redis.pause()
                #expect(await feed.next() == .lost)
                redis.resume()
                #expect(await feed.next() == .started)
            }
        }
    }
}
