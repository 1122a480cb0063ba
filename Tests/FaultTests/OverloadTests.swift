import Foundation
import StackTesting
import TestSupport
import Testing

extension Faults {
    @Suite("Overload", .timeLimit(.minutes(15))) struct OverloadTests {
        private struct Flood: Decodable {
            let statuses: [String: Int]
            let withoutRetryAfter, broken, accepted: Int
            /// Response times in seconds.
            let slowest, median: Double
        }

        @Test("an overloaded edge sheds with Retry-After, answers accepted requests in time, and keeps its memory flat")
        func sheds() async throws {
            let world = try await World()
            // More than the edges accept: 64 running and 64 waiting requests. The first flood fills permanent
            // buffers.
            let first = try await MeasuredTime.measuring { try await flood(world) }
            let before = try await memory()
            let second = try await MeasuredTime.measuring { try await flood(world) }
            let after = try await memory()
            for (flood, took) in [first, second] {
                print("faults: overload: \(flood); the machine late by \(Report.text(took.late))")
                #expect(Set(flood.statuses.keys).isSubset(of: ["201", "429", "503"]))
                #expect(flood.withoutRetryAfter == 0)
                #expect(flood.broken == 0)
                #expect(flood.accepted > 100)
                #expect(.seconds(flood.slowest) < .seconds(10) + took.late)
            }
            #expect((second.0.statuses["503"] ?? 0) + (second.0.statuses["429"] ?? 0) > 0)
            print("faults: overload: resident MiB \(before) before, \(after) after")
            for (service, bytes) in after { #expect(bytes < (before[service] ?? 0) * 1.3 + 16, "\(service)") }
            print("faults: overload: served again after \(Report.text(try await world.served()))")
        }

        private func flood(_ world: World) async throws -> Flood {
            let arguments = ["\(try stack.port("bff"))", world.ada.accessToken, world.chat, "600", "6"]
            let printed = try await Subprocess.run(
                "/usr/bin/python3", [Subprocess.script("flood.py", beside: #filePath)] + arguments)
            return try JSONDecoder().decode(Flood.self, from: Data(printed.utf8))
        }

        /// Returns the resident memory in MiB by service.
        private func memory() async throws -> [String: Double] {
            var memory: [String: Double] = [:]
            for service in services {
                memory[service] = (try await stack.metric("process_resident_memory_bytes", of: service) ?? 0) / 1_048_576
            }
            return memory
        }
    }
}
