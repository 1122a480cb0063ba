import AMQP
import Testing

@Suite struct AMQPTableTests {
    @Test("a table keeps its order, and setting nil removes")
    func order() {
        var table: AMQPTable = ["b": 1, "a": "x"]
        #expect(table.entries.map(\.name) == ["b", "a"])
        table["b"] = nil
        table["c"] = true
        #expect(table.entries.map(\.name) == ["a", "c"])
        #expect(table["a"]?.string == "x")
        #expect(table["b"] == nil)
    }
}
