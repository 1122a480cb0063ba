import Synchronization

/// What the process knows of its own state and of what it depends on; the probes of the management port read it.
package final class Health: Sendable {
    private struct Entry {
        let role: ComponentRole
        let report: @Sendable () -> ComponentReport
    }

    private let entries = Mutex<[String: Entry]>([:])
    private let state = Mutex(HealthState())

    package init() {}

    /// Adds a component that is asked whenever a probe comes. `report` must answer at once, from any thread. A name used before is replaced.
    package func add(_ name: String, _ role: ComponentRole, report: @escaping @Sendable () -> ComponentReport) {
        entries.withLock { $0[name] = Entry(role: role, report: report) }
    }

    /// Adds a component whose state is told rather than asked.
    package func flag(_ name: String, _ role: ComponentRole, initially report: ComponentReport = .down("not yet")) -> HealthFlag {
        let flag = HealthFlag(report)
        add(name, role) { flag.report }
        return flag
    }

    /// From now on the process is not ready.
    package func drain() { state.withLock { $0.drain() } }

    package var isDraining: Bool { state.withLock { $0.isDraining } }

    /// Why the process has not started; empty once it has.
    package var missing: [String] {
        let components = observed()
        return state.withLock { $0.missing(components) }
    }

    /// Why the process is not ready; empty when it is.
    package var unready: [String] {
        let components = observed()
        return state.withLock { $0.unready(components) }
    }

    /// Every component by name, those of `roles` only.
    package func reports(_ roles: Set<ComponentRole> = [.own, .startup, .dependency, .detail]) -> [String: ComponentReport] {
        Dictionary(uniqueKeysWithValues: observed().filter { roles.contains($0.role) }.map { ($0.name, $0.report) })
    }

    private func observed() -> [HealthState.Component] {
        let entries = entries.withLock { $0 }
        let components = entries.sorted { $0.key < $1.key }.map {
            HealthState.Component(name: $0.key, role: $0.value.role, report: $0.value.report())
        }
        state.withLock { $0.observe(components) }
        return components
    }
}

/// The state of one component, told by whoever knows it. Safe from any thread.
package final class HealthFlag: Sendable {
    private let state: Mutex<ComponentReport>

    init(_ report: ComponentReport) { state = Mutex(report) }

    package var report: ComponentReport { state.withLock { $0 } }
    package func set(_ report: ComponentReport) { state.withLock { $0 = report } }
}
