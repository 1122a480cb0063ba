import Contracts
import Postgres

/// Stores the signing keys in Postgres, sealed by `seal`.
struct KeyStore: SigningKeyStore {
    let database: PostgresPool
    let seal: KeySeal

    func ready() async { await database.ready() }

    /// - Throws: ``KeySeal/Failure`` for a key that this secret cannot open.
    func keys() async throws -> [SigningKey] { try read(await database.reads.query(Self.all)) }

    func rotate(_ schedule: KeySchedule, now: Timestamp, forced: Bool) async throws -> [SigningKey] {
        try await database.transaction { transaction in
            let locked = try await transaction.run(["LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE", Self.all])
            var keys = try read(locked[1])
            if let signsFrom = schedule.next(after: keys.map(\.schedule), at: now, forced: forced) {
                let key = try SigningKey(createdAt: now, signsFrom: signsFrom)
                transaction.enqueue(insert(key))
                keys.append(key)
            }
            let needed = Set(schedule.published(keys.map(\.schedule), at: now).map(\.id))
            let expired = keys.map(\.id).filter { !needed.contains($0) }
            if !expired.isEmpty { transaction.enqueue("DELETE FROM signing_keys WHERE id = ANY(\(expired))") }
            return keys.filter { needed.contains($0.id) }
        }
    }

    private static let all: SQL =
        "SELECT id, private_key, sealed, created_at, signs_from FROM signing_keys ORDER BY signs_from, id"

    private func read(_ rows: PostgresRows) throws -> [SigningKey] {
        try rows.decode((String, [UInt8], Bool, Timestamp, Timestamp).self).map { id, stored, isSealed, createdAt, signsFrom in
            let schedule = KeySchedule.Entry(id: id, createdAt: createdAt, signsFrom: signsFrom)
            return try seal.open(stored, isSealed: isSealed, schedule: schedule)
        }
    }

    private func insert(_ key: SigningKey) -> SQL {
        """
        INSERT INTO signing_keys (id, private_key, sealed, created_at, signs_from)
        VALUES (\(key.id), \(seal.seal(key)), \(seal.isSealing), \(key.schedule.createdAt), \(key.schedule.signsFrom))
        """
    }
}
