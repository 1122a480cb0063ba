import Postgres
import PostgresTesting
import Testing

@Suite("COPY", .timeLimit(.minutes(2))) struct CopyTests {
    private struct Stop: Error {}

    private func withTable(_ body: (PostgresPool) async throws -> Void) async throws {
        try await TestDatabase.with { pool in
            try await pool.execute(#"CREATE TABLE "odd ""name" (id bigint PRIMARY KEY, body text, tags text[], at timestamptz)"#)
            try await body(pool)
        }
    }

    private func copy(_ pool: PostgresPool, _ body: (PostgresCopy) async throws -> Void) async throws -> Int {
        try await pool.copy(into: #"odd "name"#, columns: ["id", "body", "tags", "at"], body)
    }

    @Test("many rows are copied, with values of all types and NULLs")
    func many() async throws {
        try await withTable { pool in
            let moment = PostgresTimestamp(millisecondsSinceEpoch: 1_700_000_000_000)
            let count = try await copy(pool) { copy in
                for id in 0..<20_000 {
                    try await copy.row(id, id % 2 == 0 ? "body \(id) \t\\N" : nil, ["a", nil, "\(id)"] as [String?], moment)
                }
            }
            #expect(count == 20_000)
            let row = try await pool.one(
                #"SELECT body, tags, at FROM "odd ""name" WHERE id = 19998"#, as: (String?, [String?], PostgresTimestamp).self)
            #expect(row == ("body 19998 \t\\N", ["a", nil, "19998"], moment))
            #expect(try await pool.one(#"SELECT count(*) FROM "odd ""name" WHERE body IS NULL"#, as: Int.self) == 10_000)
        }
    }

    @Test(
        "a bad row, a bad value or an error of the caller copies nothing, and the connection stays usable",
        arguments: 0..<4)
    func failures(kind: Int) async throws {
        try await withTable { pool in
            let error = await #expect(throws: (any Error).self) {
                try await copy(pool) { copy in
                    for id in 0..<5_000 { try await copy.row(id, "x", [String?](), PostgresTimestamp.infinity) }
                    switch kind {
                    case 0: try await copy.row(7, "duplicate", [String?](), PostgresTimestamp.infinity)
                    case 1: try await copy.row(5_001, "a\0b", [String?](), PostgresTimestamp.infinity)
                    case 2: try await copy.row(5_001, "too few")
                    default: throw Stop()
                    }
                }
            }
            if kind == 0 { #expect((error as? PostgresError)?.sqlState == .uniqueViolation) }
            if kind == 1 || kind == 2 { #expect((error as? PostgresError)?.reason == .invalidParameter) }
            if kind == 3 { #expect(error is Stop) }
            #expect(try await pool.one(#"SELECT count(*) FROM "odd ""name""#, as: Int.self) == 0)
            #expect(await pool.statistics.exclusiveIdle == 1)
            let again = try await copy(pool) { try await $0.row(1, "fine", [String?](), PostgresTimestamp.infinity) }
            #expect(again == 1)
        }
    }

    @Test("a COPY is part of its transaction")
    func inTransaction() async throws {
        try await withTable { pool in
            let (copied, counted) = try await pool.transaction { transaction in
                transaction.enqueue(#"INSERT INTO "odd ""name" VALUES (100)"#)
                let copied = try await transaction.copy(into: #"odd "name"#, columns: ["id"]) { copy in
                    for id in 0..<10 { try await copy.row(id) }
                }
                return (copied, try await transaction.query(#"SELECT count(*) FROM "odd ""name""#).one(as: Int.self))
            }
            #expect(copied == 10)
            #expect(counted == 11)
        }
    }

    @Test("a missing table, or one locked past the deadline, is an ordinary error")
    func refused() async throws {
        try await withTable { pool in
            let absent = await #expect(throws: PostgresError.self) {
                try await pool.copy(into: "absent", columns: ["id"]) { try await $0.row(1) }
            }
            #expect(absent?.sqlState == .undefinedTable)
            try await pool.warm(2)
            try await pool.transaction { holder in
                try await holder.execute(#"LOCK TABLE "odd ""name""#)
                let late = await #expect(throws: PostgresError.self) {
                    try await pool.copy(into: #"odd "name"#, columns: ["id"], deadline: .now + .seconds(2)) {
                        try await $0.row(1)
                    }
                }
                #expect(late?.reason == .deadlineExceeded)
                #expect(late?.mayHaveHappened == false)
            }
            #expect(try await pool.one(#"SELECT count(*) FROM "odd ""name""#, as: Int.self) == 0)
        }
    }
}
