import Foundation
import StackTesting
import TestSupport

/// A queue of an external program, bound to every sent message.
struct Integration: Sendable {
    struct Arrivals: Decodable, Sendable {
        let arrived, again, missing, unknown: Int
    }

    private let stack: OwnStack
    private let name: String
    private let address: String

    /// - Parameter bytes: the maximum size of the queue.
    init(_ name: String, on stack: OwnStack, bytes: Int = 1 << 30) async throws {
        self.stack = stack
        self.name = name
        let made = try await stack.run("integration", name, "--patterns", "chats.message.sent.v1", "--bytes", "\(bytes)")
        guard let address = made.split(whereSeparator: \.isWhitespace).first(where: { $0.hasPrefix("amqp://") }) else {
            throw NotYet(description: "no address in \(made)")
        }
        self.address = String(address)
    }

    /// Receives events until all of `messages` have arrived.
    func receive(_ messages: [Message]) async throws -> Arrivals {
        let file = "\(stack.directory)/\(name).expected"
        try messages.map { "\($0.chat) \($0.seq) \($0.id)" }.joined(separator: "\n")
            .write(toFile: file, atomically: true, encoding: .utf8)
        let program = Subprocess.script("arrivals.py", beside: #filePath)
        let printed = try await Subprocess.run("/usr/bin/python3", [program, address, "integration.\(name)", file])
        return try JSONDecoder().decode(Arrivals.self, from: Data(printed.utf8))
    }

    /// Returns the number of events in the queue.
    func waiting() async throws -> Int {
        let rows = try await stack.run("rabbitmqctl", "--quiet", "list_queues", "-p", "martlet", "--no-table-headers")
        let row = rows.split(separator: "\n").map { $0.split(separator: "\t") }.first { $0.first == "integration.\(name)" }
        guard let row, row.count == 2, let count = Int(row[1]) else { throw NotYet(description: "no queue in \(rows)") }
        return count
    }

    func remove() async throws { try await stack.run("integration", name, "--remove") }
}
