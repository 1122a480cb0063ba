import Foundation
import StackTesting
import TestSupport

/// Devices that are connected and talk while something happens, by a client library that is not ours; and what they saw.
struct Live: CustomStringConvertible {
    let acknowledged: Int
    /// Acknowledged messages that some device of a member never saw.
    let missing: Int
    /// Messages shown twice on one connection, and those shown after a later one.
    let twice: Int
    let outOfOrder: Int
    /// Times at which one instance took somebody in while another one had not let go of the partition.
    let partitionsWithTwoOwners: Int
    let gaps: Int
    let reconnects: Int
    let devices: Int
    /// Why sockets were closed: how many, by code.
    let closes: [String: Int]
    let description: String

    /// - Parameter gaps: whether every device is to have been told of one at the end, which is waited for.
    static func during(
        on stack: OwnStack, people: Int = 12, gaps: Bool = false, isolation: isolated (any Actor)? = #isolation,
        _ body: () async throws -> Void
    ) async throws -> Live {
        let gate = FileManager.default.temporaryDirectory.appendingPathComponent(TestStack.uniqueName("live"))
        try FileManager.default.createDirectory(at: gate, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: gate) }
        let edges = [try stack.api(1).url, try stack.api(2).url]
        let program = TestStack.value("STACK_SCRIPT").replacing("scripts/stack.sh", with: "Benchmarks/live.py")
        let life = Task {
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
            _ = try? await life.value
            throw error
        }
        _ = FileManager.default.createFile(atPath: gate.path + "/end", contents: nil)
        return try Live(try await life.value)
    }

    private init(_ printed: String) throws {
        guard let report = try JSONSerialization.jsonObject(with: Data(printed.utf8)) as? [String: Any] else {
            throw NotYet(description: "no report: \(printed)")
        }
        func number(_ name: String) -> Int { report[name] as? Int ?? -1 }
        (acknowledged, missing, twice, outOfOrder) = (
            number("acknowledged"), number("missing"), number("twice"), number("outOfOrder")
        )
        (partitionsWithTwoOwners, gaps) = (number("partitionsWithTwoOwners"), number("gaps"))
        (reconnects, devices) = (number("reconnects"), number("devices"))
        closes = report["closes"] as? [String: Int] ?? [:]
        description = printed.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.joined(separator: " ")
    }
}
