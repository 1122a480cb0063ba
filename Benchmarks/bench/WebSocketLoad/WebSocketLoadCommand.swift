import Foundation
import NIOCore
import NIOPosix

/// The command `bench websockets <file>`: thousands of WebSocket clients on one event loop and one clock.
///
/// Opens the connections that the file lists and prints `ready`.
/// Then runs a load for each line of standard input and prints its result as a line of JSON; see
/// ``MessageLoad/Parameters``. Exits when standard input ends.
enum WebSocketLoadCommand {
    static func run(_ file: String) async throws {
        let plan = try ConnectionPlan(file: file)
        let loop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()
        let generator = try await loop.submit { NIOLoopBound(try LoadGenerator(plan, on: loop), eventLoop: loop) }.get()
        try await loop.flatSubmit { generator.value.connect() }.get()
        write("ready")
        while let line = readLine() {
            guard let parameters = MessageLoad.Parameters(line) else {
                throw PlanError(description: "a line must be: load <rate> <receivers> <seconds>, not: \(line)")
            }
            write(try await loop.flatSubmit { generator.value.run(parameters) }.get())
        }
    }

    /// Writes without buffering, because standard output is a pipe.
    private static func write(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }
}

/// The connections to open, as a file lists them.
///
/// The first line has the port, and `hello` if the server sends a `hello` frame first.
/// Each further line is a connection: path, access token, and the chat that it sends to, or `-`.
struct ConnectionPlan: Sendable {
    /// A connection acts for one user; a user may have several connections.
    struct VirtualUser: Sendable {
        let path: String
        let token: String
        /// `nil` for a connection that only receives.
        let chat: String?
    }

    let port: Int
    let sendsHello: Bool
    let users: [VirtualUser]

    init(file: String) throws {
        let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").map { $0.split(separator: " ") }
        guard let first = lines.first?.first, let port = Int(first), lines.dropFirst().allSatisfy({ $0.count == 3 }) else {
            throw PlanError(description: "\(file) must have a port, then lines of a path, a token and a chat")
        }
        self.port = port
        sendsHello = lines[0].last == "hello"
        users = lines.dropFirst().map { words in
            VirtualUser(path: String(words[0]), token: String(words[1]), chat: words[2] == "-" ? nil : String(words[2]))
        }
    }
}

struct PlanError: Error, CustomStringConvertible {
    let description: String
}
