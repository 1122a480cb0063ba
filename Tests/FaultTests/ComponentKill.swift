import TestSupport

/// A kill of one component, in one instance or in both.
struct ComponentKill: Hashable, Sendable, CustomStringConvertible {
    static let components = Faults.services + ["rabbitmq", "postgres", "redis"]

    let component: String
    /// The names of the processes: `chats`, `chats-2`.
    let processes: [String]

    var description: String { processes.joined(separator: " and ") }

    /// Returns a kill of every component, in random order and numbers.
    static func round(using random: inout SeededGenerator) -> [ComponentKill] {
        components.shuffled(using: &random).map { component in
            let choices = Faults.services.contains(component) ? [[""], ["-2"], ["", "-2"]] : [[""]]
            let chosen = choices.randomElement(using: &random) ?? [""]
            return ComponentKill(component: component, processes: chosen.map { component + $0 })
        }
    }
}
