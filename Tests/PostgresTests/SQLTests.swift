import Testing

@testable import Postgres

@Suite("SQL") struct SQLTests {
    @Test("a value becomes a parameter and never text")
    func parameters() {
        let name = "'; DROP TABLE users; --"
        let sql: SQL = "SELECT * FROM users WHERE name = \(name) AND id = \(7)"
        #expect(sql.text == "SELECT * FROM users WHERE name = $1 AND id = $2")
        #expect(sql.parameters.slots.map(\.type) == [PostgresType.text.id, PostgresType.bigint.id])
        #expect(sql.parameters.slots.map(\.length) == [CInt(name.utf8.count), 8])
    }

    @Test("the parameters of a fragment continue the numbering")
    func fragments() {
        let mine: SQL = "owner = \(5)"
        let recent: SQL = "at > \(9)"
        var sql: SQL = "SELECT 1 FROM t WHERE kind = \("a") AND \(mine)"
        sql += " AND \(recent) LIMIT \(3)"
        #expect(sql.text == "SELECT 1 FROM t WHERE kind = $1 AND owner = $2 AND at > $3 LIMIT $4")
        #expect(sql.parameters.slots.map(\.length) == [1, 8, 8, 8])
        #expect(sql.parameters.slots.map(\.offset) == [0, 1, 9, 17])
    }

    @Test("NULL has its type and no bytes")
    func null() {
        let sql: SQL = "SELECT \(Int64?.none)"
        #expect(sql.parameters.slots.map(\.length) == [-1])
        #expect(sql.parameters.slots.map(\.type) == [PostgresType.bigint.id])
    }

    @Test("text with U+0000 is an error of the statement", arguments: ["\0", "a\0b", "end\0"])
    func zero(text: String) {
        let (sql, list): (SQL, SQL) = ("SELECT \(text)", "SELECT \([text])")
        #expect(sql.parameters.fault != nil)
        #expect(list.parameters.fault != nil)
        #expect(("SELECT \("fine")" as SQL).parameters.fault == nil)
    }

    @Test("more parameters than the protocol allows are an error")
    func tooMany() {
        var sql: SQL = "SELECT 0"
        for value in 0..<65_535 { sql += " + \(value)" }
        #expect(sql.parameters.fault == nil)
        sql += " + \(1)"
        #expect(sql.parameters.fault != nil)
    }

    @Test("the same literal is the same statement for all values")
    func keys() {
        func find(_ id: Int) -> SQL { "SELECT 1 WHERE \(id) = 1" }
        func typed(_ value: some PostgresEncodable) -> SQL { "SELECT \(value)" }
        #expect(StatementKey(find(1)) == StatementKey(find(2)))
        #expect(StatementKey(find(1)).hashValue == StatementKey(find(2)).hashValue)
        #expect(StatementKey(typed(1)) != StatementKey(typed("1")))
        #expect(StatementKey("SELECT 1") != StatementKey("SELECT 2"))
        #expect(StatementKey("SELECT \(1)") != StatementKey("SELECT "))
    }
}
