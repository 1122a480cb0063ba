import TestSupport
import Testing

@testable import Redis

@Suite("The encoding of commands") struct OutputBufferTests {
    private func written(_ commands: [RedisArgument]...) -> [UInt8] {
        var buffer = OutputBuffer()
        for command in commands { buffer.append(command) }
        var taken: [UInt8] = []
        buffer.drain { bytes in
            taken += bytes
            return bytes.count
        }
        #expect(buffer.isEmpty)
        return taken
    }

    @Test("a command is an array of strings, each with its length in bytes in front")
    func format() {
        #expect(written(["SET", "clé", .bytes([0, 13, 10])]) == Array("*3\r\n$3\r\nSET\r\n$4\r\nclé\r\n$3\r\n\0\r\n\r\n".utf8))
        #expect(written(["PING"], ["PING"]) == Array("*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n".utf8))
    }

    @Test(
        "numbers of any sign and size are encoded in decimal", arguments: [0, 7, -7, 10, -10, 99, 100, Int64.min, .max])
    func numbers(_ number: Int64) {
        let digits = String(number)
        #expect(written([.number(number)]) == Array("*1\r\n$\(digits.utf8.count)\r\n\(digits)\r\n".utf8))
    }

    @Test("a socket that accepts a few bytes at a time gets every byte once and in order", arguments: UInt64(1)...20)
    func partialWrites(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let (buffer, expected) = (OutputBuffer(), written(["A", .text(String(repeating: "b", count: 500))], ["C"], ["D", 12]))
        var waiting = buffer
        waiting.append(["A", .text(String(repeating: "b", count: 500))])
        waiting.append(["C"])
        var taken: [UInt8] = []
        var late = false
        while !waiting.isEmpty {
            waiting.drain { bytes in
                let count = Int.random(in: 0...min(40, bytes.count), using: &random)
                taken += bytes.prefix(count)
                return count
            }
            if !late {
                waiting.append(["D", 12])
                late = true
            }
        }
        #expect(taken == expected)
    }
}
