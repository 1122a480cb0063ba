import Contracts
import Foundation
import Logging
import TestSupport
import Testing
import Tracing

@testable import ServiceKit

@Suite("Log lines") struct JSONLogTests {
    private let kept = LineRecorder()

    private func logger(level: Logger.Level = .info) -> Logger {
        Logger(label: "store") {
            JSONLogHandler(
                label: $0, level: level, identity: .init(service: "chats", instance: "chats-1"), output: kept,
                now: { Timestamp(millisecondsSinceEpoch: 1_700_000_000_123) })
        }
    }

    @Test("a line is one JSON object with time, level, logger, message, service and instance")
    func fields() throws {
        logger().info("ready")
        let expected =
            #"{"time":"2023-11-14T22:13:20.123Z","level":"info","logger":"store","message":"ready","service":"chats","instance":"chats-1"}"#
        #expect(String(decoding: try #require(kept.lines.first), as: UTF8.self) == expected + "\n")
    }

    @Test("trace, request and user come from the context of the task")
    func context() throws {
        var context = InstrumentationContext.topLevel
        context.trace = TraceContext(traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        context.requestID = "r-1"
        context.userID = "42"
        InstrumentationContext.withValue(context) { logger().info("sent") }
        let line = try #require(kept.objects.first)
        #expect(line["traceId"] as? String == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(line["spanId"] as? String == "00f067aa0ba902b7")
        #expect(line["requestId"] as? String == "r-1")
        #expect(line["userId"] as? String == "42")
    }

    @Test("metadata nests; metadata of the event overrides that of the logger")
    func metadata() throws {
        var logger = logger()
        logger[metadataKey: "chat"] = "1"
        logger[metadataKey: "shard"] = "a"
        logger.info("sent", metadata: ["chat": "2", "rows": ["x", ["deep": "y"]], "empty": [:]])
        let metadata = try #require(kept.objects.first?["metadata"] as? NSDictionary)
        #expect(metadata == ["chat": "2", "shard": "a", "rows": ["x", ["deep": "y"]], "empty": [:]] as NSDictionary)
    }

    @Test("an error is logged; events below the level of the logger are not")
    func errorAndLevel() throws {
        logger(level: .warning).info("quiet")
        logger(level: .warning).error("loud", error: Failure())
        #expect(kept.lines.count == 1)
        #expect(kept.objects.first?["error"] as? String == "Failure()")
    }

    @Test(
        "values with the name of a secret are redacted at any depth",
        arguments: ["password", "accessToken", "Authorization", "client_secret"])
    func confidential(key: String) {
        logger().info("login", metadata: [key: "hunter2", "outer": [key: "hunter2"]])
        let text = String(decoding: kept.lines.joined(), as: UTF8.self)
        #expect(!text.contains("hunter2"))
        #expect(text.contains("<redacted>"))
    }

    @Test(
        "any log event becomes one line of valid JSON with a bounded length and whole characters", arguments: UInt64(1)...60)
    func anyText(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let text = Self.text(length: Int.random(in: 0...6_000, using: &random), using: &random)
        var metadata: Logger.Metadata = [:]
        for _ in 0..<Int.random(in: 0...40, using: &random) {
            metadata[Self.text(length: Int.random(in: 0...150, using: &random), using: &random)] = .array([
                .string(Self.text(length: Int.random(in: 0...2_000, using: &random), using: &random)),
                .dictionary(["k\u{1}": "v"]),
            ])
        }
        logger().info("\(text)", metadata: metadata)
        let line = try #require(kept.lines.first)
        #expect(line.count <= JSONLogHandler.lineLimit)
        #expect(line.last == UInt8(ascii: "\n"))
        #expect(!line.dropLast().contains(UInt8(ascii: "\n")))
        let object = try #require(kept.objects.first, "not JSON: \(String(decoding: line, as: UTF8.self))")
        let message = try #require(object["message"] as? String)
        #expect(text.unicodeScalars.starts(with: message.unicodeScalars))
        if object["truncated"] == nil { #expect(message.unicodeScalars.elementsEqual(text.unicodeScalars)) }
    }

    @Test("metadata beyond the nesting limit is left out")
    func deep() throws {
        var value: Logger.MetadataValue = "bottom"
        for _ in 0..<1_000 { value = .array([value]) }
        logger().info("deep", metadata: ["value": value])
        #expect(kept.objects.first?["truncated"] as? Bool == true)
    }

    private static func text(length: Int, using random: inout SeededGenerator) -> String {
        let alphabet: [Unicode.Scalar] = [
            "a", "\"", "\\", "\n", "\r", "\t", "\u{0}", "\u{1F}", "\u{7F}", "é", "中", "😀", "\u{2028}", "/",
        ]
        var text = String.UnicodeScalarView()
        for _ in 0..<length { text.append(alphabet.randomElement(using: &random) ?? "a") }
        return String(text)
    }
}
