import Crypto

/// The numbered SQL files of one schema, embedded in the binary.
///
/// A service lists its files once. SwiftPM embeds `Services/<name>/Migrations/NNNN_title.sql` as
/// `PackageResources._NNN_title_sql`, with an underscore in place of the first digit:
///
///     let migrations = try MigrationSet([
///         "0001_accounts": PackageResources._001_accounts_sql,
///         "0002_sessions": PackageResources._002_sessions_sql,
///     ])
///
/// A file runs in a transaction of its own and must not begin or end one. A file whose first line is `--
/// martlet:no-transaction` runs outside a transaction. It holds one idempotent statement, for example `CREATE
/// INDEX CONCURRENTLY IF NOT EXISTS …`.
package struct MigrationSet: Sendable {
    package let migrations: [Migration]

    /// - Throws: ``MigrationError/malformed(_:)`` unless names are `NNNN_title` and numbers are 1, 2, 3, …
    ///   without gaps.
    package init(_ files: KeyValuePairs<String, [UInt8]>) throws(MigrationError) {
        try self.init(files.map { ($0.key, $0.value) })
    }

    package init(_ files: [(name: String, content: [UInt8])]) throws(MigrationError) {
        var migrations: [Migration] = []
        for (name, content) in files { migrations.append(try Migration(name: name, content: content)) }
        migrations.sort { $0.number < $1.number }
        for (index, migration) in migrations.enumerated() where migration.number != index + 1 {
            throw .malformed("“\(migration.name)” is out of sequence: number \(index + 1) is expected")
        }
        self.migrations = migrations
    }
}

/// One numbered SQL file.
package struct Migration: Sendable, Equatable {
    package let number: Int
    package let name: String
    package let sql: String
    /// SHA-256 of the file's bytes.
    package let checksum: [UInt8]
    package let inTransaction: Bool

    /// The first line of a file that runs outside a transaction.
    package static let noTransactionMarker = "-- martlet:no-transaction"

    init(name: String, content: [UInt8]) throws(MigrationError) {
        let digits = name.prefix { $0.isASCII && $0.isNumber }
        guard digits.count == 4, let number = Int(digits), number > 0, name.dropFirst(4).first == "_", name.count > 5 else {
            throw .malformed("“\(name)” is not named NNNN_title")
        }
        guard let sql = String(validating: content, as: UTF8.self), !sql.utf8.contains(0) else {
            throw .malformed("“\(name)” is not valid UTF-8 text")
        }
        self.number = number
        self.name = name
        self.sql = sql
        checksum = Array(SHA256.hash(data: content))
        let firstLine = sql.prefix { !$0.isNewline }
        inTransaction = firstLine.trimmingSpaces != Self.noTransactionMarker
        if !inTransaction, indexIsCreatedConcurrently, concurrentIndex == nil {
            throw .malformed("“\(name)” must use CREATE INDEX CONCURRENTLY IF NOT EXISTS with an index name")
        }
    }

    private var indexIsCreatedConcurrently: Bool {
        sql.contains(/(?i)\bCREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\b/)
    }

    /// The index that this file creates concurrently, if any. A failed creation leaves it behind, invalid.
    var concurrentIndex: String? {
        let pattern =
            /(?i)\bCREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+IF\s+NOT\s+EXISTS\s+(?:"([^"]+)"|([a-z_][a-z0-9_]*))\s+ON\b/
        guard !inTransaction, let match = sql.firstMatch(of: pattern) else { return nil }
        return match.1.map { String($0) } ?? match.2.map { $0.lowercased() }
    }
}

extension Substring {
    fileprivate var trimmingSpaces: Substring {
        var text = self
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}

/// A migration as recorded in the database.
struct AppliedMigration: Equatable {
    let number: Int
    let name: String
    let checksum: [UInt8]
}

extension MigrationSet {
    /// Returns the migrations that have not been applied, in order.
    ///
    /// - Throws: ``MigrationError/databaseFromTheFuture(number:name:)`` or ``MigrationError/changed(name:)``;
    ///   then nothing may be applied.
    func pending(after applied: [AppliedMigration]) throws(MigrationError) -> [Migration] {
        let known = Dictionary(uniqueKeysWithValues: migrations.map { ($0.number, $0) })
        for old in applied.sorted(by: { $0.number < $1.number }) {
            guard let migration = known[old.number] else { throw .databaseFromTheFuture(number: old.number, name: old.name) }
            guard migration.checksum == old.checksum else { throw .changed(name: old.name) }
        }
        let done = Set(applied.map(\.number))
        return migrations.filter { !done.contains($0.number) }
    }
}
