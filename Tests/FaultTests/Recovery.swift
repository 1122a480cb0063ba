import Foundation
import StackTesting
import TestSupport

/// Kills components and measures the time from their restart to full service.
struct Recovery: Sendable {
    let stack: OwnStack
    private let prober: Person
    private let chat: String
    /// The chat of the probes.
    let probes: Conversation.Chat
    private let apis: [API]

    init(_ stack: OwnStack, over apis: [API]) async throws {
        self.stack = stack
        self.apis = apis
        prober = try await Person.new("prober", api: apis[0])
        chat = try await prober.group("Probes", with: [Person.new("other", api: apis[0])])
        probes = Conversation.Chat(id: chat, owner: prober)
    }

    /// Kills a component.
    ///
    /// - Returns: the time from the restart of the processes, or from their ports accepting connections,
    ///   until every bff instance serves all requests.
    func measure(_ kill: ComponentKill) async throws -> MeasuredTime {
        var killed: [String: pid_t] = [:]
        for name in kill.processes { killed[name] = try await stack.signal(name, SIGKILL) }
        for (name, id) in killed { try await waitForReturn(name, insteadOf: id) }
        return try await MeasuredTime.measuring {
            try await withThrowingTaskGroup { group in
                for api in apis { group.addTask { try await serves(api) } }
                try await group.waitForAll()
            }
        }.1
    }

    private func waitForReturn(_ name: String, insteadOf killed: pid_t) async throws {
        _ = try await eventually("the restart of \(name)") {
            guard let id = stack.processID(name), id != killed, kill(id, 0) == 0 else { return nil as Bool? }
            return try await answers(name) ? true : nil
        }
    }

    /// Returns whether a restarted component is up: a service when its process runs, a server when it accepts
    /// connections.
    private func answers(_ name: String) async throws -> Bool {
        switch name {
        case "postgres":
            let port = "\(try stack.port(name))"
            return (try? await Subprocess.run("/usr/bin/pg_isready", ["-q", "-h", "127.0.0.1", "-p", port])) != nil
        case "rabbitmq", "redis":
            let connect = "exec 3<>/dev/tcp/127.0.0.1/\(try stack.port(name))"
            return (try? await Subprocess.run("/bin/bash", ["-c", connect])) != nil
        default: return true
        }
    }

    /// Waits until log-in, send and history succeed, which need every service and server.
    private func serves(_ api: API) async throws {
        _ = try await eventually("service") {
            guard let person = try? await Person.logIn(prober.username, api: api),
                let sent = try? await person.sendMessage("a probe", in: chat), sent.status == 201,
                let read = try? await person.get("/v1/chats/\(chat)/messages?limit=1"), read.status == 200
            else { return nil as Bool? }
            return read.items.first?["id"] as? String == sent.text("id") ? true : nil
        }
    }
}

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
