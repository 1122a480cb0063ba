import Synchronization

/// The states of the process's components and dependencies, which the probes of the management port report.
package final class Health: Sendable {
    private struct Component {
        let role: ComponentRole
        let report: @Sendable () -> ComponentReport
    }

    private let components = Mutex<[String: Component]>([:])
    private let state = Mutex(HealthState())

    package init() {}

    /// Adds a component, or replaces the one with this name.
    ///
    /// - Parameter report: returns the state; called for every probe, on any thread. It must not block.
    package func add(_ name: String, _ role: ComponentRole, report: @escaping @Sendable () -> ComponentReport) {
        components.withLock { $0[name] = Component(role: role, report: report) }
    }

    /// Adds a component whose state is set instead of queried.
    package func flag(_ name: String, _ role: ComponentRole, initially report: ComponentReport = .down("not yet")) -> HealthFlag {
        let flag = HealthFlag(report)
        add(name, role) { flag.report }
        return flag
    }

    /// Makes the process unready for the rest of its life.
    package func drain() { state.withLock { $0.drain() } }

    package var isDraining: Bool { state.withLock { $0.isDraining } }

    /// Why the process has not started; empty once it has.
    package var notStartedReasons: [String] {
        let components = observed()
        return state.withLock { $0.notStartedReasons(components) }
    }

    /// Why the process is not ready; empty when it is.
    package var notReadyReasons: [String] {
        let components = observed()
        return state.withLock { $0.notReadyReasons(components) }
    }

    /// The reports of the components with one of `roles`, by name.
    package func reports(_ roles: Set<ComponentRole> = [.own, .startup, .dependency, .detail]) -> [String: ComponentReport] {
        Dictionary(uniqueKeysWithValues: observed().filter { roles.contains($0.role) }.map { ($0.name, $0.report) })
    }

    private func observed() -> [HealthState.Component] {
        let components = components.withLock { $0 }
        let observed = components.sorted { $0.key < $1.key }.map {
            HealthState.Component(name: $0.key, role: $0.value.role, report: $0.value.report())
        }
        state.withLock { $0.observe(observed) }
        return observed
    }
}

/// The state of one component, set by its owner. Safe from any thread.
package final class HealthFlag: Sendable {
    private let state: Mutex<ComponentReport>

    init(_ report: ComponentReport) { state = Mutex(report) }

    package var report: ComponentReport { state.withLock { $0 } }
    package func set(_ report: ComponentReport) { state.withLock { $0 = report } }
}
