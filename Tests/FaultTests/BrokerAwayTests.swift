import Foundation
import StackTesting
import TestSupport
import Testing

extension Faults {
    @Suite("Broker outages", .timeLimit(.minutes(15))) struct BrokerAwayTests {
        /// The kinds of broker outages.
        enum Outage: String, CaseIterable, Sendable {
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

        @Test(
            "during a broker outage requests fail at once, readiness has the reason, and service recovers",
            arguments: Outage.allCases)
        func away(_ outage: Outage) async throws {
            let (world, stack) = (try await World(), try stack)
            try await outage.begin(stack)
            do {
                try await refused(world, outage)
                // A blocking broker affects publishers only: other services cannot notice.
                try await expectReadinessReason(of: outage == .blocking ? ["bff"] : services)
                try await outage.end(stack)
            } catch {
                _ = try? await outage.end(stack)
                throw error
            }
            print("faults: broker \(outage): served again after \(Report.text(try await world.served()))")
            #expect(try await world.newest().items.first?["text"] as? String == "again")
        }

        private func refused(_ world: World, _ outage: Outage) async throws {
            let (_, noticed) = try await MeasuredTime.measuring {
                for turn in 0..<2 {
                    try await eventually("a 503") {
                        try await TimedResponse { try await world.newest(turn) }.isRefusal ? () : nil
                    }
                }
            }
            var answers: [TimedResponse] = []
            for turn in 0..<40 {
                answers.append(
                    try await TimedResponse { try await turn < 20 ? world.newest(turn) : world.sendMessage("never", turn: turn) })
            }
            print("faults: broker \(outage): noticed after \(Report.text(noticed.time)); \(answers.summary)")
            #expect(answers.others == [])
            #expect(answers.median < .milliseconds(100))
            #expect(answers.slowest < .seconds(1))
            // Each edge notices a hanging broker after a second without input.
            #expect(noticed.own < .seconds(8))
        }

        private func expectReadinessReason(of services: [String]) async throws {
            for service in services {
                let management = try stack.management(service)
                let reason = try await eventually("the reason of \(service)") {
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
