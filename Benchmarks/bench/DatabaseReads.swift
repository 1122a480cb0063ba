import Postgres
import Redis
import ServiceKit

/// Reads pages of 20 messages of about 200 bytes by primary key and decodes them.
///
/// The statement is that of `baselines/page.sql`.
enum PostgresPages {
    private static let chats: UInt64 = 1_000
    private static let messages: UInt64 = 100

    typealias Row = (Int64, Int64, Int64, String, PostgresTimestamp)

    static func measure(_ context: ServiceContext, _ load: ClosedLoopLoad) async throws -> LoadResult {
        let database = try context.postgres()
        return try await context.job([database]) {
            await database.ready()
            return try await load.run { number in
                var random = SplitMix(number)
                let (chat, after) = (random.next(upTo: chats), random.next(upTo: messages - 20))
                let rows = try await database.query(
                    """
                    SELECT seq, id, sender, body, at FROM page WHERE chat = \(chat) AND seq > \(after) ORDER BY seq LIMIT 20
                    """, as: Row.self)
                precondition(rows.count == 20, "a page has \(rows.count) rows instead of 20")
            }
        }
    }
}

/// Reads values of 300 bytes by key. `redis-benchmark` has written them.
enum RedisReads {
    private static let keys = (0..<1_000).map { number in
        RedisArgument.text("key:" + String(repeating: "0", count: 12 - "\(number)".count) + "\(number)")
    }

    static func measure(_ context: ServiceContext, _ load: ClosedLoopLoad) async throws -> LoadResult {
        let redis = try context.redis()
        return try await context.job([redis]) {
            while !redis.isAvailable { try await Task.sleep(for: .milliseconds(5)) }
            return try await load.run { number in
                let value = try await redis.command(["GET", keys[number % keys.count]]).optionalBytes()
                precondition(value?.count == 300, "the value must have 300 bytes; run redis-benchmark first")
            }
        }
    }
}
