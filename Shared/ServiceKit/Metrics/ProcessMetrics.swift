import Foundation

/// Metrics of the process from `/proc`, under the names of Prometheus's own client libraries.
enum ProcessMetrics {
    static func collect() -> [CollectedMetric] {
        var metrics: [CollectedMetric] = []
        if let statistics = Statistics.read() {
            metrics += [
                CollectedMetric(
                    "process_cpu_seconds", .counter, help: "User and system CPU time, in seconds.", value: statistics.cpuSeconds),
                CollectedMetric(
                    "process_resident_memory_bytes", .gauge, help: "Resident memory, in bytes.", value: statistics.residentBytes),
                CollectedMetric(
                    "process_virtual_memory_bytes", .gauge, help: "Virtual memory, in bytes.", value: statistics.virtualBytes),
                CollectedMetric("process_threads", .gauge, help: "The number of threads.", value: statistics.threads),
            ]
            if let boot = bootTime() {
                let start = boot + statistics.startAfterBoot
                metrics.append(
                    CollectedMetric(
                        "process_start_time_seconds", .gauge, help: "Start of the process, in seconds since 1970.", value: start))
            }
        }
        if let open = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count {
            metrics.append(
                CollectedMetric("process_open_fds", .gauge, help: "The number of open file descriptors.", value: Double(open)))
        }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            metrics.append(
                CollectedMetric(
                    "process_max_fds", .gauge, help: "The maximum number of open file descriptors.", value: Double(limit.rlim_cur)
                ))
        }
        return metrics
    }

    /// The start of the machine, in seconds since 1970.
    private static func bootTime() -> Double? {
        text(of: "/proc/stat")?.split(separator: "\n").first { $0.hasPrefix("btime ") }.flatMap { Double($0.dropFirst(6)) }
    }

    private static func text(of path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }

    /// Fields of `/proc/self/stat`; see proc(5).
    struct Statistics {
        let cpuSeconds: Double
        let threads: Double
        /// Seconds from the start of the machine to the start of the process.
        let startAfterBoot: Double
        let virtualBytes: Double
        let residentBytes: Double

        /// - Parameter line: the command name, in brackets, may contain spaces and brackets itself.
        init?(line: String, ticksPerSecond: Double, pageSize: Double) {
            guard let end = line.lastIndex(of: ")") else { return nil }
            let fields = line[line.index(after: end)...].split(separator: " ").map { Double($0) ?? 0 }
            guard fields.count > 21 else { return nil }
            cpuSeconds = (fields[11] + fields[12]) / ticksPerSecond
            threads = fields[17]
            startAfterBoot = fields[19] / ticksPerSecond
            virtualBytes = fields[20]
            residentBytes = fields[21] * pageSize
        }

        static func read() -> Statistics? {
            ProcessMetrics.text(of: "/proc/self/stat").flatMap {
                Statistics(
                    line: $0, ticksPerSecond: Double(sysconf(Int32(_SC_CLK_TCK))), pageSize: Double(sysconf(Int32(_SC_PAGESIZE))))
            }
        }
    }
}
