import Postgres
import ServiceKit

/// Pages of 20 messages of about 200 bytes by primary key, decoded; the same statement as `baselines/page.sql`.
enum Pages {
    private static let chats: UInt64 = 1_000
    private static let messages: UInt64 = 100

    typealias Row = (Int64, Int64, Int64, String, PostgresTimestamp)

    static func measure(_ kit: Kit, _ load: Load) async throws -> Measured {
        let database = try kit.postgres()
        return try await kit.job([database]) {
            await database.ready()
            return try await load.run { number in
                var scattered = Scattered(number)
                let (chat, after) = (scattered.next(upTo: chats), scattered.next(upTo: messages - 20))
                let rows = try await database.query(
                    """
                    SELECT seq, id, sender, body, at FROM page WHERE chat = \(chat) AND seq > \(after) ORDER BY seq LIMIT 20
                    """, as: Row.self)
                precondition(rows.count == 20, "a whole page")
            }
        }
    }
}
