/// What the database says was applied.
struct AppliedMigration: Equatable {
    let number: Int
    let name: String
    let checksum: [UInt8]
}

extension MigrationSet {
    /// What is still to be applied, in order.
    ///
    /// - Throws: ``MigrationError/databaseFromTheFuture(number:name:)`` and ``MigrationError/changed(name:)``: then nothing may be applied.
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
