import Foundation
import Testing

/// Programs that are not ours, run to their end or for as long as a test needs them.
enum Subprocess {
    /// What the program printed; the test fails when it ends with anything but 0.
    static func run(_ program: String, _ arguments: [String], environment: [String: String] = [:]) async throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let (output, errors) = (Pipe(), Pipe())
        (process.standardOutput, process.standardError) = (output, errors)
        let ended = AsyncStream.makeStream(of: Void.self)
        process.terminationHandler = { _ in ended.continuation.finish() }
        try process.run()
        async let printed = read(output.fileHandleForReading)
        async let complained = read(errors.fileHandleForReading)
        let (text, complaint) = await (printed, complained)
        for await _ in ended.stream {}
        try #require(process.terminationStatus == 0, "\(program) \(arguments): \(complaint)")
        return text
    }

    private static func read(_ handle: FileHandle) async -> String {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(returning: String(decoding: handle.readDataToEndOfFile(), as: UTF8.self))
            }
        }
    }
}
