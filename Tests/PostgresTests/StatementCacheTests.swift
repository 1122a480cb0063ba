import Testing

@testable import Postgres

@Suite("Statement cache") struct StatementCacheTests {
    private func key(_ number: Int) -> StatementKey {
        // As many parameters as the number: different statements from one literal.
        var sql: SQL = "SELECT"
        for _ in 0..<number { sql += " \(1)" }
        return StatementKey(sql)
    }

    @Test("a statement is new once, and keeps its name")
    func names() {
        var cache = StatementCache(capacity: 3)
        #expect(cache.use(key(1)) == .init(name: "s1", isNew: true))
        #expect(cache.use(key(2)) == .init(name: "s2", isNew: true))
        #expect(cache.use(key(1)) == .init(name: "s1", isNew: false))
    }

    @Test("the one unused for longest makes room, and no name comes back")
    func eviction() {
        var cache = StatementCache(capacity: 2)
        _ = cache.use(key(1))
        _ = cache.use(key(2))
        _ = cache.use(key(1))
        #expect(cache.use(key(3)) == .init(name: "s3", isNew: true))
        #expect(cache.removeDiscarded() == ["s2"])
        #expect(cache.removeDiscarded() == [])
        #expect(cache.use(key(1)).isNew == false)
        #expect(cache.use(key(2)) == .init(name: "s4", isNew: true))
        #expect(cache.count == 2)
    }

    @Test("the values of the first time are not kept")
    func values() {
        var cache = StatementCache(capacity: 2)
        let keys = [1_000_000, 2_000_000].map { StatementKey("SELECT \(String(repeating: "x", count: $0))") }
        let areNew = keys.map { cache.use($0).isNew }
        #expect(areNew == [true, false])
        #expect(cache.valueBytes == 0)
    }

    @Test("forgetting an old name leaves the new one alone")
    func forget() {
        var cache = StatementCache(capacity: 2)
        _ = cache.use(key(1))
        cache.forget(key(1), name: "s1")
        #expect(cache.use(key(1)) == .init(name: "s2", isNew: true))
        cache.forget(key(1), name: "s1")
        #expect(cache.use(key(1)) == .init(name: "s2", isNew: false))
        cache.forget(key(1), discard: true)
        #expect(cache.removeDiscarded() == ["s2"])
    }
}
