import TestSupport
import Testing

@testable import AMQP

@Suite("Assembling a message") struct ContentAssemblyTests {
    private static let origin = ContentAssembly.Origin.delivery(
        consumer: 0, tag: 7, redelivered: false, exchange: "e", routingKey: "k")
    private static let returned = ContentAssembly.Origin.returned(code: 312, text: "NO_ROUTE", exchange: "e", routingKey: "k")

    private func body(_ assembly: inout ContentAssembly, _ bytes: [UInt8]) -> ContentAssembly.Step {
        bytes.withUnsafeBytes { assembly.body($0) }
    }

    private func complete(_ body: [UInt8], _ origin: ContentAssembly.Origin = origin) -> ContentAssembly.Step {
        .complete(.init(origin: origin, properties: AMQPProperties(), number: nil, body: body))
    }

    @Test("an empty body is complete with its header")
    func empty() {
        var assembly = ContentAssembly(maxBody: 10)
        #expect(assembly.begin(Self.origin) == .more)
        #expect(assembly.header(AMQPProperties(), number: nil, bodySize: 0) == complete([]))
    }

    @Test("a body arrives in any number of frames of any size", arguments: UInt64(1)...20)
    func pieces(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var assembly = ContentAssembly(maxBody: 1_000)
        for _ in 0..<5 {
            let bytes = (0..<Int.random(in: 1...1_000, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
            _ = assembly.begin(Self.origin)
            #expect(assembly.header(AMQPProperties(), number: nil, bodySize: UInt64(bytes.count)) == .more)
            var start = 0
            while start < bytes.count {
                let end = Int.random(in: start...bytes.count, using: &random)
                let step = body(&assembly, Array(bytes[start..<end]))
                #expect(step == (end == bytes.count && end > start ? complete(bytes) : .more))
                start = end
            }
        }
    }

    @Test("an oversized body is skipped without buffering, and the next message is complete")
    func tooLarge() {
        var assembly = ContentAssembly(maxBody: 3)
        _ = assembly.begin(Self.origin)
        #expect(assembly.header(AMQPProperties(), number: nil, bodySize: 4) == .more)
        #expect(body(&assembly, [1, 2, 3]) == .more)
        #expect(body(&assembly, [4]) == .refused(Self.origin, size: 4))
        _ = assembly.begin(Self.origin)
        _ = assembly.header(AMQPProperties(), number: nil, bodySize: 1)
        #expect(body(&assembly, [9]) == complete([9]))
    }

    @Test("an impossible size reserves no memory")
    func absurdSize() {
        var assembly = ContentAssembly(maxBody: 3)
        _ = assembly.begin(Self.origin)
        #expect(assembly.header(AMQPProperties(), number: nil, bodySize: .max) == .more)
        #expect(body(&assembly, [1]) == .more)
    }

    @Test("the body of a returned message is not stored")
    func back() {
        var assembly = ContentAssembly(maxBody: 1)
        _ = assembly.begin(Self.returned)
        _ = assembly.header(AMQPProperties(), number: 5, bodySize: 2)
        #expect(
            body(&assembly, [1, 2])
                == .complete(.init(origin: Self.returned, properties: AMQPProperties(), number: 5, body: [])))
    }

    @Test("frames out of order are a protocol violation")
    func order() {
        var assembly = ContentAssembly(maxBody: 10)
        #expect(body(&assembly, [1]) == .violation("a body without its header"))
        #expect(assembly.header(AMQPProperties(), number: nil, bodySize: 1) == .violation("a header without its method"))
        _ = assembly.begin(Self.origin)
        #expect(assembly.begin(Self.origin) == .violation("a message begins within another"))
        #expect(body(&assembly, [1]) == .violation("a body without its header"))
        _ = assembly.header(AMQPProperties(), number: nil, bodySize: 1)
        #expect(body(&assembly, [1, 2]) == .violation("a body longer than its header says"))
    }

    @Test("a reset discards a partial message")
    func reset() {
        var assembly = ContentAssembly(maxBody: 10)
        _ = assembly.begin(Self.origin)
        _ = assembly.header(AMQPProperties(), number: nil, bodySize: 2)
        _ = body(&assembly, [1])
        assembly.reset()
        _ = assembly.begin(Self.origin)
        _ = assembly.header(AMQPProperties(), number: nil, bodySize: 1)
        #expect(body(&assembly, [8]) == complete([8]))
    }
}
