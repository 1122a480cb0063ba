import Configuration
import Foundation
import Logging
import NIOHTTP1
import Postgres
import PostgresTesting
import ServiceKit
import Synchronization
import TestSupport
import Testing

@testable import Config

@Suite("Scaling through Kubernetes", .timeLimit(.minutes(2))) struct KubernetesScalerTests {
    private func scaler(
        _ kubernetes: KubernetesStub, host: String = "localhost", account: String? = nil, timeout: Duration = .seconds(10)
    ) -> KubernetesScaler {
        KubernetesScaler(
            workload: "statefulsets/messaging", host: host, port: kubernetes.port, account: account ?? kubernetes.account,
            timeout: timeout)
    }

    @Test("the number of replicas is read and set", arguments: ["localhost", "127.0.0.1"])
    func scale(host: String) async throws {
        try await KubernetesStub.with { kubernetes in
            let scaler = scaler(kubernetes, host: host)
            #expect(try await scaler.desiredCount() == 3)
            try await scaler.scale(to: 5)
            #expect(try await scaler.desiredCount() == 5)
            try await scaler.scale(to: 0)
            #expect(try await scaler.desiredCount() == 0)
            #expect(
                kubernetes.state.withLock(\.seen)
                    == ["GET", "PATCH", "GET", "PATCH", "GET"].map { "\($0) \(KubernetesStub.path)" })
        }
    }

    @Test("a replaced token is read again")
    func rotation() async throws {
        try await KubernetesStub.with { kubernetes in
            let scaler = scaler(kubernetes)
            #expect(try await scaler.desiredCount() == 3)
            kubernetes.state.withLock { $0.token = "second" }
            let error = await #expect(throws: ScalerError.self) { try await scaler.desiredCount() }
            #expect(error?.description == "Kubernetes answers 401 for statefulsets/messaging")
            try kubernetes.write("token", "second")
            #expect(try await scaler.desiredCount() == 3)
        }
    }

    @Test("a server with an untrusted certificate receives no request")
    func untrusted() async throws {
        try await KubernetesStub.with { kubernetes in
            let other = URL(filePath: TestStack.certificateAuthority).deletingLastPathComponent().appending(path: "server.pem")
            try FileManager.default.removeItem(atPath: "\(kubernetes.account)/ca.crt")
            try FileManager.default.copyItem(atPath: other.path, toPath: "\(kubernetes.account)/ca.crt")
            await #expect(throws: (any Error).self) { try await scaler(kubernetes).desiredCount() }
            #expect(kubernetes.state.withLock(\.seen) == [])
        }
    }

    @Test("a missing response, a refusal, and a missing service account are errors within the time limit")
    func failures() async throws {
        try await KubernetesStub.with { kubernetes in
            kubernetes.state.withLock { $0.status = .forbidden }
            await #expect(throws: ScalerError.self) { try await scaler(kubernetes).scale(to: 4) }
            kubernetes.state.withLock { ($0.status, $0.isSilent) = (nil, true) }
            let impatient = scaler(kubernetes, timeout: .milliseconds(300))
            await #expect(throws: ScalerError.self) { try await impatient.desiredCount() }
            let outsidePod = scaler(kubernetes, account: "/nowhere")
            await #expect(throws: ScalerError.self) { try await outsidePod.desiredCount() }
            await #expect(throws: (any Error).self) {
                try await KubernetesScaler(
                    workload: "statefulsets/messaging", host: "localhost", port: 1, account: kubernetes.account
                ).desiredCount()
            }
        }
    }
}

@Suite("Scaling by a command", .timeLimit(.minutes(2))) struct CommandScalerTests {
    @Test("the number is the last argument; a failure and a command that runs too long are errors")
    func command() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: TestStack.uniqueName("scaled")).path
        defer { try? FileManager.default.removeItem(atPath: file) }
        let script = ["sh", "-c", #"echo "$@" > "$0""#, file, "messaging"]
        try await CommandScaler(command: script).scale(to: 4)
        #expect(try String(contentsOfFile: file, encoding: .utf8) == "messaging 4\n")
        await #expect(throws: ScalerError.self) { try await CommandScaler(command: ["false"]).scale(to: 1) }
        await #expect(throws: ScalerError.self) { try await CommandScaler(command: ["no-such-program"]).scale(to: 1) }
        await #expect(throws: ScalerError.self) {
            try await CommandScaler(command: ["sh", "-c", "sleep 60"], timeout: .milliseconds(200)).scale(to: 1)
        }
    }
}

@Suite("Autoscaler", .timeLimit(.minutes(2))) struct AutoscalerTests {
    final class Recorder: Scaler {
        let requested = ValueRecorder<Int>()
        func desiredCount() async throws -> Int? { nil }
        func scale(to count: Int) async throws { requested.add(count) }
    }

    private static let parameters: ScalingPolicy.Parameters = {
        var parameters = ScalingPolicy.Parameters()
        parameters.capacity.connections = 10
        return parameters
    }()

    private func with(
        isDryRun: Bool = false, isLeading: Bool = true,
        _ body: (Autoscaler, Recorder, LoadStore, HeartbeatStore) async throws -> Void
    ) async throws {
        try await TestDatabase.migrated(try ConfigMigrations.all(), on: RoutingWorld.io) { database in
            let (recorder, store) = (Recorder(), LoadStore(database: database))
            let autoscaler = Autoscaler(
                store: store, parameters: Self.parameters, scaler: recorder, isDryRun: isDryRun, logger: RoutingWorld.logger,
                isLeading: { isLeading })
            try await body(autoscaler, recorder, store, HeartbeatStore(database: database))
        }
    }

    @Test("the members' loads are summed, stored and acted upon once per cool-down")
    func acts() async throws {
        try await with { autoscaler, recorder, store, heartbeats in
            await autoscaler.evaluate()
            #expect(recorder.requested.all == [1])
            let (leaving, others) = (
                ScriptedMember("messaging-3"), [ScriptedMember("messaging-1"), ScriptedMember("messaging-2")]
            )
            leaving.leave()
            for member in others + [leaving] { _ = try await heartbeats.record(member.heartbeat()) }
            // A stall of this machine must not make the heartbeats too old.
            try await store.database.execute("UPDATE members SET beat_at = beat_at + interval '1 hour'")
            let current = try await store.current()
            #expect(current.load == FleetLoad(connections: 30, cpu: 1.5, outboundBytes: 3_000))
            #expect(current.reporting == 2)
            let other = Autoscaler(
                store: store, parameters: Self.parameters, scaler: recorder, isDryRun: false, logger: RoutingWorld.logger,
                isLeading: { true })
            await other.evaluate()
            await other.evaluate()
            #expect(recorder.requested.all == [1, 5])
            // A second slot exists if it began meanwhile.
            let slots = try await store.curve().slots.values.map(\.connections)
            #expect(slots.max() == 30 && (1...2).contains(slots.count))
        }
    }

    @Test("a dry run and an instance that does not lead request nothing", arguments: [(true, true), (false, false)])
    func requestsNothing(isDryRun: Bool, isLeading: Bool) async throws {
        try await with(isDryRun: isDryRun, isLeading: isLeading) { autoscaler, recorder, store, heartbeats in
            _ = try await heartbeats.record(ScriptedMember("messaging-1").heartbeat())
            await autoscaler.evaluate()
            #expect(recorder.requested.all == [])
            #expect(try await store.curve().slots.isEmpty == !isLeading)
        }
    }

    @Test("the stored curve keeps the highest load of each slot, and one week of slots")
    func curve() async throws {
        try await with { _, _, store, _ in
            let day = LoadCurve.slotsPerDay
            try await store.record(FleetLoad(connections: 5, cpu: 1, outboundBytes: 3), in: 10)
            try await store.record(FleetLoad(connections: 3, cpu: 2, outboundBytes: 3), in: 10)
            try await store.record(.none, in: 10 + 7 * day)
            #expect(
                try await store.curve().slots == [10: FleetLoad(connections: 5, cpu: 2, outboundBytes: 3), 10 + 7 * day: .none])
            try await store.record(.none, in: 11 + 7 * day)
            #expect(try await store.curve().slots.keys.sorted() == [10 + 7 * day, 11 + 7 * day])
        }
    }
}

@Suite("Scaling settings") struct ScalingSettingsTests {
    private func settings(_ values: [String: String]) throws -> ScalingSettings {
        let values = values.map {
            (AbsoluteConfigKey($0.key.split(separator: ".").map(String.init)), ConfigValue(.string($0.value), isSecret: false))
        }
        return try ScalingSettings(Settings(providers: [InMemoryProvider(values: Dictionary(uniqueKeysWithValues: values))]))
    }

    @Test("scaling is off by default, and inconsistent settings are rejected")
    func values() throws {
        #expect(try settings([:]).mode == .off)
        #expect(try settings([:]).parameters == ScalingPolicy.Parameters())
        #expect(try settings(["config.scaling.mode": "dry-run"]).mode == .dryRun)
        #expect(try settings(["config.scaling.driver": "command", "config.scaling.command": "a b"]).scaler is CommandScaler)
        for wrong in [
            ["config.scaling.driver": "command"], ["config.scaling.workload": "pods/messaging"],
            ["config.scaling.workload": "statefulsets/../../secrets"], ["config.scaling.lower": "0.7"],
            ["config.scaling.upper": "0.6"], ["config.scaling.least": "30"], ["config.scaling.mode": "maybe"],
        ] { #expect(throws: ConfigurationError.self, "\(wrong)") { try settings(wrong) } }
    }
}
