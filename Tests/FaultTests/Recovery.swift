import Foundation
import StackTesting
import TestSupport

/// Kills, and measures how long after the return of what was killed everything works again.
struct Recovery: Sendable {
    let stack: OwnStack
    private let prober: Person
    private let chat: String
    /// The chat that it speaks in.
    let probes: Conversation.Chat
    private let apis: [API]

    init(_ stack: OwnStack, over apis: [API]) async throws {
        (self.stack, self.apis) = (stack, apis)
        prober = try await Person.new("prober", api: apis[0])
        chat = try await prober.group("Probes", with: [Person.new("other", api: apis[0])])
        probes = Conversation.Chat(id: chat, owner: prober)
    }

    /// - Returns: the time from the moment at which the processes are back, or their ports answer, until every instance of the bff serves everything.
    func measure(_ strike: Strike) async throws -> Took {
        var killed: [String: pid_t] = [:]
        for name in strike.processes { killed[name] = try await stack.signal(name, SIGKILL) }
        for (name, id) in killed { try await isBack(name, insteadOf: id) }
        return try await Took.measuring {
            try await withThrowingTaskGroup { group in
                for api in apis { group.addTask { try await serves(api) } }
                try await group.waitForAll()
            }
        }.1
    }

    private func isBack(_ name: String, insteadOf killed: pid_t) async throws {
        _ = try await eventually("the return of \(name)") {
            guard let id = stack.processID(name), id != killed, kill(id, 0) == 0 else { return nil as Bool? }
            return try await answers(name) ? true : nil
        }
    }

    /// A service is back when its process is; a server, when it takes connections.
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

    /// Log-in, send and history: what passes through every service and server.
    private func serves(_ api: API) async throws {
        _ = try await eventually("service") {
            guard let person = try? await Person.logIn(prober.username, api: api),
                let sent = try? await person.say("a probe", in: chat), sent.status == 201,
                let read = try? await person.get("/v1/chats/\(chat)/messages?limit=1"), read.status == 200
            else { return nil as Bool? }
            return read.items.first?["id"] as? String == sent.text("id") ? true : nil
        }
    }
}
