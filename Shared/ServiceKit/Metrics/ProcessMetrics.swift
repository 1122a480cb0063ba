import Foundation

/// What the kernel says about this process, under the names that Prometheus's own libraries use.
enum ProcessMetrics {
    static func collect() -> [CollectedMetric] {
        var metrics: [CollectedMetric] = []
        if let statistics = Statistics.read() {
            metrics += [
                CollectedMetric("process_cpu_seconds", .counter, "User and system CPU time, in seconds.", statistics.cpuSeconds),
                CollectedMetric("process_resident_memory_bytes", .gauge, "Resident memory, in bytes.", statistics.residentBytes),
                CollectedMetric("process_virtual_memory_bytes", .gauge, "Virtual memory, in bytes.", statistics.virtualBytes),
                CollectedMetric("process_threads", .gauge, "Threads.", statistics.threads),
            ]
            if let boot = bootTime() {
                let start = boot + statistics.startAfterBoot
                metrics.append(CollectedMetric("process_start_time_seconds", .gauge, "Start, in seconds since 1970.", start))
            }
        }
        if let open = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count {
            metrics.append(CollectedMetric("process_open_fds", .gauge, "Open file descriptors.", Double(open)))
        }
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            metrics.append(CollectedMetric("process_max_fds", .gauge, "File descriptors at most.", Double(limit.rlim_cur)))
        }
        return metrics
    }

    /// When the machine started, in seconds since 1970.
    private static func bootTime() -> Double? {
        text(of: "/proc/stat")?.split(separator: "\n").first { $0.hasPrefix("btime ") }.flatMap { Double($0.dropFirst(6)) }
    }

    private static func text(of path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }

    /// Fields of `/proc/self/stat`; see proc(5).
    struct Statistics {
        let cpuSeconds: Double
        let threads: Double
        /// Seconds between the machine's start and the process's.
        let startAfterBoot: Double
        let virtualBytes: Double
        let residentBytes: Double

        /// - Parameter line: the command, in brackets, may itself hold spaces and brackets.
        init?(line: String, ticksPerSecond: Double, pageSize: Double) {
            guard let end = line.lastIndex(of: ")") else { return nil }
            let fields = line[line.index(after: end)...].split(separator: " ").map { Double($0) ?? 0 }
            guard fields.count > 21 else { return nil }
            cpuSeconds = (fields[11] + fields[12]) / ticksPerSecond
            (threads, startAfterBoot) = (fields[17], fields[19] / ticksPerSecond)
            (virtualBytes, residentBytes) = (fields[20], fields[21] * pageSize)
        }

        static func read() -> Statistics? {
            ProcessMetrics.text(of: "/proc/self/stat").flatMap {
                Statistics(
                    line: $0, ticksPerSecond: Double(sysconf(Int32(_SC_CLK_TCK))), pageSize: Double(sysconf(Int32(_SC_PAGESIZE))))
            }
        }
    }
}
