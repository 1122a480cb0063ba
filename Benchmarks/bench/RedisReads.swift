import Redis
import ServiceKit

/// Values of 300 bytes by key, which `redis-benchmark` has put there.
enum Gets {
    private static let keys = (0..<1_000).map { number in
        RedisArgument.text("key:" + String(repeating: "0", count: 12 - "\(number)".count) + "\(number)")
    }

    static func measure(_ kit: Kit, _ load: Load) async throws -> Measured {
        let redis = try kit.redis()
        return try await kit.job([redis]) {
            while !redis.isAvailable { try await Task.sleep(for: .milliseconds(5)) }
            return try await load.run { number in
                let value = try await redis.command(["GET", keys[number % keys.count]]).optionalBytes()
                precondition(value?.count == 300, "the value is there")
            }
        }
    }
}
