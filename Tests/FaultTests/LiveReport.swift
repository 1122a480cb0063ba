import Foundation
import StackTesting
import TestSupport

/// The report of connected devices that exchange messages during an event, by an external client library.
struct LiveReport: CustomStringConvertible {
    let acknowledged: Int
    /// Acknowledged messages that some device of a member never received.
    let missing: Int
    /// Messages received twice on one connection, and messages received after a later one.
    let twice: Int
    let outOfOrder: Int
    /// How often an instance accepted a client while another instance still served the partition.
    let partitionsWithTwoOwners: Int
    let gaps: Int
    let reconnects: Int
    let devices: Int
    /// The number of closed sockets by close code.
    let closes: [String: Int]
    let description: String

    /// - Parameter gaps: whether to wait at the end until every device has received a gap.
    static func during(
        on stack: OwnStack, people: Int = 12, gaps: Bool = false, isolation: isolated (any Actor)? = #isolation,
        _ body: () async throws -> Void
    ) async throws -> LiveReport {
        let gate = FileManager.default.temporaryDirectory.appendingPathComponent(TestStack.uniqueName("live"))
        try FileManager.default.createDirectory(at: gate, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: gate) }
        let edges = [try stack.api(1).url, try stack.api(2).url]
        let program = TestStack.value("STACK_SCRIPT").replacing("scripts/stack.sh", with: "Benchmarks/live.py")
        let client = Task {
            try await Subprocess.run(
                "/usr/bin/python3",
                [program, "--people", "\(people)", "--rate", "2", "--gate", gate.path] + (gaps ? ["--gaps"] : []) + edges)
        }
        do {
            _ = try await eventually(within: .seconds(300), "connected devices") {
                FileManager.default.fileExists(atPath: gate.path + "/ready") ? true : nil
            }
            try await body()
        } catch {
            _ = FileManager.default.createFile(atPath: gate.path + "/end", contents: nil)
            _ = try? await client.value
            throw error
        }
        _ = FileManager.default.createFile(atPath: gate.path + "/end", contents: nil)
        return try LiveReport(try await client.value)
    }

    private init(_ printed: String) throws {
        guard let report = try JSONSerialization.jsonObject(with: Data(printed.utf8)) as? [String: Any] else {
            throw NotYet(description: "no report: \(printed)")
        }
        func number(_ name: String) -> Int { report[name] as? Int ?? -1 }
        acknowledged = number("acknowledged")
        missing = number("missing")
        twice = number("twice")
        outOfOrder = number("outOfOrder")
        partitionsWithTwoOwners = number("partitionsWithTwoOwners")
        gaps = number("gaps")
        reconnects = number("reconnects")
        devices = number("devices")
        closes = report["closes"] as? [String: Int] ?? [:]
        description = printed.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.joined(separator: " ")
    }
}
