/// The rules of the probes.
struct HealthState: Sendable {
    struct Component: Sendable {
        let name: String
        let role: ComponentRole
        let report: ComponentReport
    }

    /// The names of startup components that have been up.
    private(set) var started: Set<String> = []
    private(set) var isDraining = false

    mutating func drain() { isDraining = true }

    /// Records which startup components are up.
    mutating func observe(_ components: [Component]) {
        for component in components where component.role == .startup && component.report.status != .down {
            started.insert(component.name)
        }
    }

    /// Why the process has not started yet; stays empty once it has.
    func notStartedReasons(_ components: [Component]) -> [String] {
        components.filter { $0.role == .startup && !started.contains($0.name) }.map {
            "starting: \($0.name): \($0.report.reason ?? "not yet")"
        }
    }

    /// Why the process is not ready; empty when it is.
    func notReadyReasons(_ components: [Component]) -> [String] {
        let own = components.filter { $0.role == .own && $0.report.status == .down }.map {
            "\($0.name): \($0.report.reason ?? "down")"
        }
        return (isDraining ? ["draining"] : []) + notStartedReasons(components) + own
    }
}
