/// A statement and its parameters, written as a string literal.
///
/// Every interpolated value becomes a parameter, sent in binary beside the text and never part of it:
///
///     let sql: SQL = "SELECT last_seq FROM chats WHERE id = \(chatID) FOR UPDATE"
///
/// The text consists of literals (`StaticString`): a string made at run time cannot become part of it. Pass
/// an array for "one of many": `WHERE id = ANY(\(ids))`; for many rows: `INSERT … SELECT * FROM
/// unnest(\(ids), \(texts))`. A parameter has the type of its Swift value (`Int` is `bigint`, `String` is
/// `text`). Where Postgres needs another type, cast in SQL: `\(json)::jsonb`.
package struct SQL: Sendable {
    enum Piece: Sendable {
        case literal(StaticString)
        case parameter
    }

    private(set) var pieces: [Piece]
    private(set) var parameters: SQLParameters

    /// Appends the text and the parameters of `other`.
    package static func += (sql: inout SQL, other: SQL) {
        sql.pieces += other.pieces
        sql.parameters.append(other.parameters)
    }

    /// The statement with the types of its parameters, without their values.
    var withoutValues: SQL {
        var sql = self
        sql.parameters.removeValues()
        return sql
    }

    /// The text for the server, with `$1`, `$2`, … in place of the values.
    var text: String {
        var (text, count) = ("", 0)
        for piece in pieces {
            switch piece {
            case .literal(let literal): literal.withUTF8Buffer { text += String(decoding: $0, as: UTF8.self) }
            case .parameter:
                count += 1
                text += "$\(count)"
            }
        }
        return text
    }
}

extension SQL: ExpressibleByStringInterpolation {
    package init(stringLiteral literal: StaticString) {
        pieces = [.literal(literal)]
        parameters = SQLParameters()
    }

    package init(stringInterpolation: StringInterpolation) { self = stringInterpolation.sql }

    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var sql: SQL

        package init(literalCapacity: Int, interpolationCount: Int) {
            sql = SQL(capacity: interpolationCount)
        }

        package mutating func appendLiteral(_ literal: StaticString) {
            if literal.utf8CodeUnitCount > 0 { sql.pieces.append(.literal(literal)) }
        }

        /// Adds a value as the next parameter.
        package mutating func appendInterpolation(_ value: some PostgresEncodable) {
            sql.pieces.append(.parameter)
            sql.parameters.append(value)
        }

        /// Adds a value or NULL as the next parameter.
        package mutating func appendInterpolation<Value: PostgresEncodable>(_ value: Value?) {
            sql.pieces.append(.parameter)
            sql.parameters.append(value)
        }

        /// Adds a fragment with parameters of its own.
        package mutating func appendInterpolation(_ fragment: SQL) { sql += fragment }
    }

    private init(capacity: Int) {
        pieces = []
        pieces.reserveCapacity(2 * capacity + 1)
        parameters = SQLParameters(capacity: capacity)
    }
}
