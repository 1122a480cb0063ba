import Foundation
import NIOCore
import NIOPosix

/// Very many WebSocket clients in one process, on one loop and one clock.
///
/// Connects as its file says, prints `ready`, and then does what each line of its input orders, for which it prints a line of JSON: see ``Flow/Order``.
/// Ends with its input.
enum LiveClient {
    static func run(_ file: String) async throws {
        let plan = try LivePlan(file: file)
        let loop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()
        let crowd = try await loop.submit { NIOLoopBound(try Crowd(plan, on: loop), eventLoop: loop) }.get()
        try await loop.flatSubmit { crowd.value.connect() }.get()
        say("ready")
        while let line = readLine() {
            guard let order = Flow.Order(line) else { throw PlanError(description: "not an order: \(line)") }
            say(try await loop.flatSubmit { crowd.value.run(order) }.get())
        }
    }

    /// At once, whatever reads it.
    private static func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }
}

/// Who connects: a first line with the port, and `greeted` when the server sends something first; then one for each socket with the path, the access token,
/// and the chat that it writes to, or `-`.
struct LivePlan: Sendable {
    struct Seat: Sendable {
        let path: String
        let token: String
        /// `nil`: it only listens.
        let chat: String?
    }

    let port: Int
    let isGreeted: Bool
    let seats: [Seat]

    init(file: String) throws {
        let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").map { $0.split(separator: " ") }
        guard let first = lines.first?.first, let port = Int(first), lines.dropFirst().allSatisfy({ $0.count == 3 }) else {
            throw PlanError(description: "\(file) names no port, or a socket without path, token and chat")
        }
        self.port = port
        isGreeted = lines[0].last == "greeted"
        seats = lines.dropFirst().map { words in
            Seat(path: String(words[0]), token: String(words[1]), chat: words[2] == "-" ? nil : String(words[2]))
        }
    }
}

struct PlanError: Error, CustomStringConvertible {
    let description: String
}
