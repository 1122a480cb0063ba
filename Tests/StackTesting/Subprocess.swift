import Foundation
import TestSupport

/// Programs that are not ours, run to their end or for as long as a test needs them.
package enum Subprocess {
    /// What the program printed.
    ///
    /// It prints into files and inherits nothing else of ours, so that its end is all we wait for, whatever it leaves running.
    /// - Throws: ``NotYet`` with what it complained of, when it ends with anything but 0.
    package static func run(_ program: String, _ arguments: [String], environment: [String: String] = [:]) async throws -> String
    {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(TestStack.uniqueName("run"))
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let status = try await end(of: program, arguments, environment, printingInto: directory)
        let (text, complaint) = (try contents(directory, "out"), try contents(directory, "err"))
        if status != 0 { throw NotYet(description: "\(program) \(arguments) ended with \(status): \(complaint)") }
        return text
    }

    /// The path of a program that stands in `Programs/` beside the file that asks.
    package static func script(_ name: String, beside file: String = #filePath) -> String {
        URL(fileURLWithPath: file).deletingLastPathComponent().appendingPathComponent("Programs/\(name)").path
    }

    /// `Process` waits for the end of a socket that the program inherits, and its children too. So the program is the child of a shell
    /// that keeps the socket to itself.
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
        of program: String, _ arguments: [String], _ environment: [String: String], printingInto directory: URL
    ) async throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = ["-c", detached, directory.path, program] + arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let ended = AsyncStream.makeStream(of: Void.self)
        process.terminationHandler = { _ in ended.continuation.finish() }
        try process.run()
        // A task of its own, so that a test that is cancelled waits nevertheless.
        await Task { for await _ in ended.stream {} }.value
        return process.terminationStatus
    }

    private static func contents(_ directory: URL, _ name: String) throws -> String {
        String(decoding: try Data(contentsOf: directory.appendingPathComponent(name)), as: UTF8.self)
    }
}
