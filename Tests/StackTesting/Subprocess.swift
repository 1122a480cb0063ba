import Foundation
import TestSupport

/// Runs external programs to completion.
package enum Subprocess {
    /// Runs a program and returns its standard output.
    ///
    /// The program writes to files and inherits no other descriptor. Therefore the call waits only for the
    /// program itself, not for processes that it leaves running.
    ///
    /// - Throws: ``NotYet`` with the standard error output, if the exit status is not 0.
    package static func run(_ program: String, _ arguments: [String], environment: [String: String] = [:]) async throws -> String
    {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(TestStack.uniqueName("run"))
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let status = try await end(of: program, arguments, environment: environment, printingInto: directory)
        let (text, complaint) = (try contents(directory, "out"), try contents(directory, "err"))
        if status != 0 { throw NotYet(description: "\(program) \(arguments) ended with \(status): \(complaint)") }
        return text
    }

    /// Returns the path of a program in `Programs/` beside the calling file.
    package static func script(_ name: String, beside file: String = #filePath) -> String {
        URL(fileURLWithPath: file).deletingLastPathComponent().appendingPathComponent("Programs/\(name)").path
    }

    /// Starts the program without the socket of `Process`, which otherwise waits until all its children close
    /// it. The program is the child of a shell that keeps the socket.
    private static let detached = #"""
        (
            for descriptor in /proc/self/fd/*; do
                descriptor=${descriptor##*/}
                ((descriptor < 3)) || eval "exec $descriptor>&-"
            done
            exec "$@" </dev/null >"$0/out" 2>"$0/err"
        )
        """#

    private static func end(
        of program: String, _ arguments: [String], environment: [String: String], printingInto directory: URL
    ) async throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = ["-c", detached, directory.path, program] + arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let ended = AsyncStream.makeStream(of: Void.self)
        process.terminationHandler = { _ in ended.continuation.finish() }
        try process.run()
        // Waits in an unstructured task, so that a cancelled test waits too.
        await Task { for await _ in ended.stream {} }.value
        return process.terminationStatus
    }

    private static func contents(_ directory: URL, _ name: String) throws -> String {
        String(decoding: try Data(contentsOf: directory.appendingPathComponent(name)), as: UTF8.self)
    }
}
