import Foundation

/// Scales by a command that takes the number of instances as its last argument: `scripts/stack.sh .local scale messaging`.
struct CommandScaler: Scaler {
    /// The program and its arguments.
    let command: [String]
    /// The command is ended then.
    var timeout = Duration.seconds(180)

    func wanted() async throws -> Int? { nil }

    func scale(to count: Int) async throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command + ["\(count)"]
        // It must not write into our log.
        (process.standardInput, process.standardOutput, process.standardError) = (
            FileHandle.nullDevice, FileHandle.nullDevice, FileHandle.nullDevice
        )
        let (ended, end) = AsyncStream.makeStream(of: Int32.self)
        process.terminationHandler = { process in
            end.yield(process.terminationStatus)
            end.finish()
        }
        try process.run()
        let status = try await withTaskCancellationHandler {
            try await withThrowingTaskGroup(of: Int32?.self) { group in
                group.addTask {
                    for await status in ended { return status }; return nil
                }
                group.addTask {
                    try await Task.sleep(for: timeout); return nil
                }
                defer { group.cancelAll() }
                return try await group.next() ?? nil
            }
        } onCancel: {
            process.terminate()
        }
        guard let status else {
            process.terminate()
            throw ScalerError("\(command[0]) did not end in time")
        }
        if status != 0 { throw ScalerError("\(command[0]) ended with \(status)") }
    }
}
