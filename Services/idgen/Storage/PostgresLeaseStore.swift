import Postgres

/// Stores the leases in the table `idgen.generators`.
struct PostgresLeaseStore: LeaseStore {
    let database: PostgresPool

    func acquire(holder: String, now: Int64, mark: Int64) async throws -> GeneratorLease? {
        let row = try await database.first(
            """
            WITH expired AS (
                SELECT number, mark FROM generators WHERE mark <= \(now) ORDER BY mark, number LIMIT 1 FOR UPDATE SKIP LOCKED
            )
            UPDATE generators SET holder = \(holder), fence = fence + 1, mark = \(mark), taken_at = now(), raised_at = now()
            FROM expired WHERE generators.number = expired.number
            RETURNING generators.number::bigint, fence, expired.mark, generators.mark
            """, as: (Int64, Int64, Int64, Int64).self)
        return row.map { number, fence, first, mark in GeneratorLease(number: number, fence: fence, first: first, mark: mark) }
    }

    func renew(_ lease: GeneratorLease, to mark: Int64) async throws -> Bool {
        let rows = try await database.execute(
            """
            UPDATE generators SET mark = greatest(mark, \(mark)), raised_at = now()
            WHERE number = \(lease.number) AND fence = \(lease.fence)
            """)
        return rows == 1
    }

    func release(_ lease: GeneratorLease, at mark: Int64) async throws {
        _ = try await database.execute(
            "UPDATE generators SET mark = \(mark) WHERE number = \(lease.number) AND fence = \(lease.fence)")
    }
}
