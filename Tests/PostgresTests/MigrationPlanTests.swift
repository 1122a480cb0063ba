import Testing

@testable import Postgres

@Suite("Migration files") struct MigrationPlanTests {
    private func file(_ name: String, _ sql: String = "SELECT 1") -> (String, [UInt8]) { (name, Array(sql.utf8)) }

    private func set(_ names: String...) throws(MigrationError) -> MigrationSet { try MigrationSet(names.map { file($0) }) }

    @Test("files are applied in the order of their numbers")
    func order() throws {
        #expect(try set("0002_b", "0001_a", "0003_c").migrations.map(\.name) == ["0001_a", "0002_b", "0003_c"])
        #expect(try MigrationSet(["0001_a": [0x2D]]).migrations[0].checksum.count == 32)
    }

    @Test(
        "invalid names, gaps and duplicates are rejected",
        arguments: [
            ["1_a"], ["0001"], ["0001-a"], ["0001_"], ["0000_a"], ["a"], ["0002_a"], ["0001_a", "0003_c"], ["0001_a", "0001_b"],
            ["٠٠٠١_a"],
        ])
    func names(names: [String]) {
        #expect(throws: MigrationError.self) { try MigrationSet(names.map { file($0) }) }
    }

    @Test("a file that is not text is rejected")
    func text() {
        #expect(throws: MigrationError.self) { try MigrationSet([("0001_a", [0xFF, 0xFE])]) }
        #expect(throws: MigrationError.self) { try MigrationSet([file("0001_a", "SELECT 1;\0")]) }
    }

    @Test("applied migrations are not applied again")
    func pending() throws {
        let set = try set("0001_a", "0002_b", "0003_c")
        func applied(_ number: Int) -> AppliedMigration {
            AppliedMigration(number: number, name: set.migrations[number - 1].name, checksum: set.migrations[number - 1].checksum)
        }
        #expect(try set.pending(after: []).map(\.number) == [1, 2, 3])
        #expect(try set.pending(after: [applied(2), applied(1)]).map(\.number) == [3])
        #expect(try set.pending(after: (1...3).map(applied)) == [])
    }

    @Test("a newer database and a changed file are rejected")
    func refusals() throws {
        let set = try set("0001_a")
        let (mine, other) = (set.migrations[0].checksum, [UInt8](repeating: 0, count: 32))
        #expect(throws: MigrationError.databaseFromTheFuture(number: 2, name: "0002_new")) {
            try set.pending(after: [
                .init(number: 1, name: "0001_a", checksum: mine), .init(number: 2, name: "0002_new", checksum: other),
            ])
        }
        #expect(throws: MigrationError.changed(name: "0001_a")) {
            try set.pending(after: [.init(number: 1, name: "0001_a", checksum: other)])
        }
    }

    @Test("the marker must be the first line, and the index is found in the statement")
    func marker() throws {
        func migration(_ sql: String) throws -> Migration { try MigrationSet([file("0001_a", sql)]).migrations[0] }
        let index = try migration(
            "-- martlet:no-transaction  \nCREATE UNIQUE INDEX CONCURRENTLY\nIF NOT EXISTS By_Name ON t (name)")
        #expect(!index.inTransaction)
        #expect(index.concurrentIndex == "by_name")
        let quoted = try migration("-- martlet:no-transaction\r\ncreate index concurrently if not exists \"By Name\" on t (name)")
        #expect(quoted.concurrentIndex == "By Name")
        #expect(try migration("\n-- martlet:no-transaction\nSELECT 1").inTransaction)
        #expect(try migration("-- martlet:no-transaction\nVACUUM").concurrentIndex == nil)
        #expect(throws: MigrationError.self) { try migration("-- martlet:no-transaction\nCREATE INDEX CONCURRENTLY x ON t (a)") }
    }
}
