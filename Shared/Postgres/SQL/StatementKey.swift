/// Identifies a statement without building its text: by its literals and the types of its parameters.
///
/// Literals are compared by address, which is stable and has no cost per byte. The same text at two places in
/// the source counts as two statements.
struct StatementKey: Hashable, Sendable {
    private let sql: SQL

    init(_ sql: SQL) { self.sql = sql }

    /// The key without the statement's values, for storing.
    var withoutValues: StatementKey { StatementKey(sql.withoutValues) }

    /// The number of bytes of values that the key retains.
    var valueBytes: Int { sql.parameters.valueBytes }

    static func == (one: StatementKey, other: StatementKey) -> Bool {
        guard one.sql.pieces.count == other.sql.pieces.count, one.sql.parameters.slots.count == other.sql.parameters.slots.count
        else { return false }
        for (a, b) in zip(one.sql.pieces, other.sql.pieces) where !same(a, b) { return false }
        for (a, b) in zip(one.sql.parameters.slots, other.sql.parameters.slots) where a.type != b.type { return false }
        return true
    }

    func hash(into hasher: inout Hasher) {
        for piece in sql.pieces {
            if case .literal(let literal) = piece, literal.hasPointerRepresentation { hasher.combine(literal.utf8Start) }
        }
        hasher.combine(sql.parameters.slots.count)
    }

    private static func same(_ one: SQL.Piece, _ other: SQL.Piece) -> Bool {
        switch (one, other) {
        case (.parameter, .parameter): true
        case (.literal(let a), .literal(let b)):
            if a.hasPointerRepresentation, b.hasPointerRepresentation {
                a.utf8Start == b.utf8Start && a.utf8CodeUnitCount == b.utf8CodeUnitCount
            } else {
                a.description == b.description
            }
        default: false
        }
    }
}
