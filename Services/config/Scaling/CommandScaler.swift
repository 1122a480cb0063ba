import Subprocess

/// Scales by a command that takes the number of instances as its last argument: `scripts/stack.sh .local
/// scale messaging`.
struct CommandScaler: Scaler {
    /// The program and its arguments. `env` finds the program in `PATH`, unless it is a path.
    let command: [String]
    /// After this time the command gets SIGTERM, and SIGKILL 5 s later.
    var timeout = Duration.seconds(180)

    func desiredCount() async throws -> Int? { nil }

    func scale(to count: Int) async throws {
        guard let program = command.first else { throw ScalerError("the scaling command is empty") }
        let arguments = command + ["\(count)"]
        let status = try await withTimeLimit(timeout, of: program) { try await Self.run(arguments) }
        guard status.isSuccess else { throw ScalerError("\(program) failed: \(status)") }
    }

    /// Discards the output: the output of this process is its log.
    private static func run(_ command: [String]) async throws -> TerminationStatus {
        var options = PlatformOptions()
        options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(5))]
        do {
            return try await Subprocess.run(
                .name("env"), arguments: Arguments(command), platformOptions: options, output: .discarded, error: .discarded
            ).terminationStatus
        } catch let error as SubprocessError {
            throw ScalerError("the scaling command could not be started: \(error)")
        }
    }
}
