import Foundation
import StackTesting
import TestSupport
import Testing

extension Faults {
    /// What the design promises: nothing acknowledged is lost, nothing shown twice or out of order, no partition with two owners' clients.
    @Suite("Live connections", .timeLimit(.minutes(15))) struct LiveTests {
        private func expectWhole(_ live: LiveReport, _ what: String) {
            print("faults: \(what): \(live)")
            #expect(live.acknowledged > 5)
            #expect(live.missing == 0)
            #expect(live.twice == 0)
            #expect(live.outOfOrder == 0)
            #expect(live.partitionsWithTwoOwners == 0)
        }

        @Test("instances come and go under load; their clients go where they belong")
        func scaled() async throws {
            let stack = try stack
            let live = try await LiveReport.during(on: stack) {
                for count in [3, 1, 2] {
                    try await stack.scale("messaging", count)
                    try await isSpread(over: count, stack)
                }
            }
            expectWhole(live, "scaled 3, 1, 2")
            #expect(live.reconnects > 0)
            #expect(Set(live.closes.keys).isSubset(of: ["4001"]))
        }

        @Test("an instance is killed under load; its clients are back on others, or on it")
        func killed() async throws {
            let stack = try stack
            let live = try await LiveReport.during(on: stack) {
                let id = try await stack.signal("messaging", SIGKILL)
                _ = try await eventually("another process") { stack.processID("messaging").flatMap { $0 != id ? $0 : nil } }
                try await stack.ready("messaging")
                try await isSpread(over: 2, stack)
                try await goesOn(stack)
            }
            expectWhole(live, "killed")
            #expect(live.reconnects > 0)
        }

        @Test("whoever assigns partitions is killed: nobody notices")
        func withoutConfig() async throws {
            let stack = try stack
            // What another test has left on its way would still go there.
            try await isSpread(over: 2, stack)
            let live = try await LiveReport.during(on: stack) {
                try await stack.without("config", "config-2") {
                    // As long as a lease lasts, and longer.
                    let start = ContinuousClock.now
                    _ = try await eventually("the end of a lease") { ContinuousClock.now - start > .seconds(4) ? true : nil }
                }
                try await stack.ready("config")
            }
            expectWhole(live, "without config")
            #expect(live.reconnects == 0)
            #expect(live.gaps == 0)
        }

        @Test(
            "the broker comes back before connections are given up: they stay, and are told that they may have missed something")
        func broker() async throws {
            let (stack, world) = (try stack, try await World())
            try await isSpread(over: 2, stack)
            var outage = Duration.zero
            let live = try await LiveReport.during(on: stack, gaps: true) {
                let start = ContinuousClock.now
                try await stack.without("rabbitmq") {}
                try await world.served()
                for instance in 1...2 { try await hasBroker(instance, stack) }
                try await isSpread(over: 2, stack)
                outage = ContinuousClock.now - start
                try await goesOn(stack)
            }
            expectWhole(live, "broker away for \(Report.text(outage))")
            guard outage < .seconds(25) else { return }
            #expect(live.closes == [:])
            #expect(live.gaps >= live.devices)
        }

        /// Returns once people have said more, so that there is something to judge however little they could say before.
        private func goesOn(_ stack: OwnStack) async throws {
            let before = try await stack.sends().reduce(0, +)
            try await eventually("more messages") { try await stack.sends().reduce(0, +) > before + 20 ? () : nil }
        }

        /// One instance of messaging is connected to the broker, and consumes.
        private func hasBroker(_ instance: Int, _ stack: OwnStack) async throws {
            let management = try stack.management("messaging", instance)
            _ = try await eventually("the broker for messaging-\(instance)") {
                let answer = try? await management.send("GET", "/readyz")
                let dependencies = answer?.json["dependencies"] as? [String: [String: Any]]
                return dependencies?["rabbitmq"]?["status"] as? String == "up" ? true : nil
            }
        }

        private static let partitions = 360

        /// Every instance serves its share of the partitions, and nothing is on its way any more.
        private func isSpread(over count: Int, _ stack: OwnStack) async throws {
            for instance in 1...count {
                try await stack.ready("messaging", instance)
                _ = try await eventually("partitions of messaging-\(instance)") {
                    let served = try? await stack.metric("martlet_partitions_served", of: "messaging", instance)
                    return served == Double(Self.partitions / count) ? true : nil
                }
            }
            _ = try await eventually("a leader with nothing to do") {
                let figures = try? await leading(stack)
                return figures == [1, Double(count), 0, 0] ? true : nil
            }
        }

        /// Of all of config: how many lead, and what those say of members, hand-overs and partitions that nobody serves.
        private func leading(_ stack: OwnStack) async throws -> [Double] {
            var sums: [Double] = []
            for name in ["leads", "members", "handovers", "partitions_unserved"] {
                var sum = 0.0
                for instance in 1...2 { sum += try await stack.metric("martlet_routing_\(name)", of: "config", instance) ?? 0 }
                sums.append(sum)
            }
            return sums
        }
    }
}
