/// Decides what the probes answer: pure, so that every combination can be tried.
struct HealthState: Sendable {
    struct Component: Sendable {
        let name: String
        let role: ComponentRole
        let report: ComponentReport
    }

    /// Names of startup components that have been up.
    private(set) var begun: Set<String> = []
    private(set) var isDraining = false

    mutating func drain() { isDraining = true }

    /// Takes note of what is up now.
    mutating func observe(_ components: [Component]) {
        for component in components where component.role == .startup && component.report.status != .down {
            begun.insert(component.name)
        }
    }

    /// Why the process has not started yet; empty once it has, and for ever.
    func missing(_ components: [Component]) -> [String] {
        components.filter { $0.role == .startup && !begun.contains($0.name) }.map {
            "starting: \($0.name): \($0.report.reason ?? "not yet")"
        }
    }

    /// Why the process is not ready; empty when it is.
    func unready(_ components: [Component]) -> [String] {
        let own = components.filter { $0.role == .own && $0.report.status == .down }.map {
            "\($0.name): \($0.report.reason ?? "down")"
        }
        return (isDraining ? ["draining"] : []) + missing(components) + own
    }
}
