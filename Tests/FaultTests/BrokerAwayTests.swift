import Foundation
import StackTesting
import TestSupport
import Testing

extension Faults {
    @Suite("The broker away", .timeLimit(.minutes(15))) struct BrokerAwayTests {
        /// What may become of a broker.
        enum Trouble: String, CaseIterable, Sendable {
            case stopped, blocking, silent

            func begin(_ stack: OwnStack) async throws {
                switch self {
                case .stopped: try await stack.run("stop", "rabbitmq")
                case .blocking: try await stack.run("rabbitmqctl", "set_vm_memory_high_watermark", "absolute", "1MB")
                case .silent: try await stack.signal("rabbitmq", SIGSTOP)
                }
            }

            func end(_ stack: OwnStack) async throws {
                switch self {
                case .stopped: try await stack.run("start", "rabbitmq")
                case .blocking: try await stack.run("rabbitmqctl", "set_vm_memory_high_watermark", "0.4")
                case .silent: try await stack.signal("rabbitmq", SIGCONT)
                }
            }
        }

        @Test("every request is refused at once, and readiness says why; then everything goes on", arguments: Trouble.allCases)
        func away(_ trouble: Trouble) async throws {
            let (world, stack) = (try await World(), try stack)
            try await trouble.begin(stack)
            do {
                try await refused(world, trouble)
                // The broker blocks nobody but those who publish: the others cannot know.
                try await readinessSaysWhy(of: trouble == .blocking ? ["bff"] : services)
                try await trouble.end(stack)
            } catch {
                _ = try? await trouble.end(stack)
                throw error
            }
            print("faults: broker \(trouble): served again after \(Report.text(try await world.served()))")
            #expect(try await world.newest().items.first?["text"] as? String == "again")
        }

        private func refused(_ world: World, _ trouble: Trouble) async throws {
            let (_, noticed) = try await Took.measuring {
                for turn in 0..<2 {
                    try await eventually("a refusal") { try await Timed { try await world.newest(turn) }.isRefusal ? () : nil }
                }
            }
            var answers: [Timed] = []
            for turn in 0..<40 {
                answers.append(try await Timed { try await turn < 20 ? world.newest(turn) : world.say("never", turn: turn) })
            }
            print("faults: broker \(trouble): noticed after \(Report.text(noticed.time)); \(answers.summary)")
            #expect(answers.others == [])
            #expect(answers.median < .milliseconds(100))
            #expect(answers.slowest < .seconds(1))
            // A broker that hangs is noticed by each edge once it has said nothing for a second.
            #expect(noticed.own < .seconds(8))
        }

        private func readinessSaysWhy(of services: [String]) async throws {
            for service in services {
                let management = try stack.management(service)
                let reason = try await eventually("\(service) to say so") {
                    let answer = try await management.send("GET", "/readyz")
                    #expect(answer.status == 200)
                    let dependencies = answer.json["dependencies"] as? [String: [String: Any]]
                    return dependencies?["rabbitmq"]?["reason"] as? String
                }
                #expect(!reason.isEmpty)
            }
        }
    }
}
