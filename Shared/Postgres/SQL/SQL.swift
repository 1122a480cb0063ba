/// A statement and the values it takes.
///
/// Written as a literal; every interpolated value becomes a parameter, sent in binary beside the text and never part of it:
///
///     let sql: SQL = "SELECT last_seq FROM chats WHERE id = \(chatID) FOR UPDATE"
///
/// Text comes from literals of the program alone (`StaticString`): there is no way to put a string made at run time into a statement.
/// For "one of many" pass an array: `WHERE id = ANY(\(ids))`; for many rows: `INSERT … SELECT * FROM unnest(\(ids), \(texts))`.
/// A parameter has the type of its Swift value (`Int` is `bigint`, `String` is `text`); where Postgres wants another one, cast in SQL: `\(json)::jsonb`.
package struct SQL: Sendable {
    enum Piece: Sendable {
        case literal(StaticString)
        case parameter
    }

    private(set) var pieces: [Piece]
    private(set) var parameters: SQLParameters

    /// Puts `other` after this statement's text, its parameters after this one's.
    package static func += (sql: inout SQL, other: SQL) {
        sql.pieces += other.pieces
        sql.parameters.append(other.parameters)
    }

    /// The pieces and the types of the values.
    var withoutValues: SQL {
        var sql = self
        sql.parameters.forgetValues()
        return sql
    }

    /// The text that the server sees: `$1`, `$2`, … stand for the values.
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

        /// A value: becomes the next parameter.
        package mutating func appendInterpolation(_ value: some PostgresEncodable) {
            sql.pieces.append(.parameter)
            sql.parameters.append(value)
        }

        /// A value or NULL: becomes the next parameter.
        package mutating func appendInterpolation<Value: PostgresEncodable>(_ value: Value?) {
            sql.pieces.append(.parameter)
            sql.parameters.append(value)
        }

        /// A piece of SQL with parameters of its own.
        package mutating func appendInterpolation(_ fragment: SQL) { sql += fragment }
    }

    private init(capacity: Int) {
        pieces = []
        pieces.reserveCapacity(2 * capacity + 1)
        parameters = SQLParameters(capacity: capacity)
    }
}
