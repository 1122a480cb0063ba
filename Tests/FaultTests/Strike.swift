import TestSupport

/// What is killed at once: one component, in one instance or in both.
struct Strike: Hashable, Sendable, CustomStringConvertible {
    static let components = Faults.services + ["rabbitmq", "postgres", "redis"]

    let component: String
    /// Names of processes: `chats`, `chats-2`.
    let processes: [String]

    var description: String { processes.joined(separator: " and ") }

    /// Every component once, in an order and in numbers that chance decides.
    static func round(using random: inout SeededGenerator) -> [Strike] {
        components.shuffled(using: &random).map { component in
            let choices = Faults.services.contains(component) ? [[""], ["-2"], ["", "-2"]] : [[""]]
            let chosen = choices.randomElement(using: &random) ?? [""]
            return Strike(component: component, processes: chosen.map { component + $0 })
        }
    }
}
