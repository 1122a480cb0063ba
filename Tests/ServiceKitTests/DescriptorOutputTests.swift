import Foundation
import Reactor
import Testing

@testable import ServiceKit

@Suite("Log output") struct DescriptorOutputTests {
    @Test("lines of concurrent tasks arrive whole, and those of one task in order")
    func wholeLines() async throws {
        let pipe = Pipe()
        let output = DescriptorOutput(descriptor: pipe.fileHandleForWriting.fileDescriptor)
        async let read = Self.readToEnd(pipe)
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask { for number in 0..<200 { output.write(Array("\(task) \(number)\n".utf8), soon: false) } }
            }
        }
        try await Blocking.run { output.flush(within: 60) }
        try pipe.fileHandleForWriting.close()
        let lines = String(decoding: try await read, as: UTF8.self).split(separator: "\n")
        #expect(lines.count == 1_600)
        for task in 0..<8 {
            #expect(lines.filter { $0.hasPrefix("\(task) ") } == (0..<200).map { "\(task) \($0)" })
        }
    }

    @Test("with a slow reader, lines are dropped and counted, and writers do not block")
    func slowReader() async throws {
        let pipe = Pipe()
        let output = DescriptorOutput(descriptor: pipe.fileHandleForWriting.fileDescriptor, limit: 100_000)
        let line = [UInt8](repeating: UInt8(ascii: "x"), count: 999) + [UInt8(ascii: "\n")]
        for _ in 0..<2_000 { output.write(line, soon: false) }
        let dropped = output.dropped
        // A pipe holds 64 KiB, one batch is being written, one waits: at most 100 lines each.
        #expect(dropped >= 1_700)
        #expect(dropped < 2_000)
        async let read = Self.readToEnd(pipe)
        try await Blocking.run { output.flush(within: 60) }
        output.write(line, soon: false)
        try await Blocking.run { output.flush(within: 60) }
        try pipe.fileHandleForWriting.close()
        let lines = String(decoding: try await read, as: UTF8.self).split(separator: "\n")
        let arrived = lines.count { $0.hasPrefix("x") }
        #expect(arrived == 2_001 - dropped)
        let reported = lines.filter { !$0.hasPrefix("x") }.compactMap {
            $0.wholeMatch(of: /\{"level":"warning","message":"log lines dropped","count":(\d+)\}/).flatMap { Int($0.1) }
        }
        #expect(reported.reduce(0, +) == dropped)
        #expect(reported.count == lines.count - arrived)
    }

    private static func readToEnd(_ pipe: Pipe) async throws -> Data {
        try await Blocking.run { try pipe.fileHandleForReading.readToEnd() ?? Data() }
    }

    @Test("a closed reader causes no error")
    func closedReader() async throws {
        signal(SIGPIPE, SIG_IGN)
        let pipe = Pipe()
        let output = DescriptorOutput(descriptor: pipe.fileHandleForWriting.fileDescriptor)
        try pipe.fileHandleForReading.close()
        output.write(Array("never read\n".utf8), soon: false)
        try await Blocking.run { output.flush(within: 60) }
        #expect(output.dropped == 0)
    }
}
