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

@Suite("Scaling in Kubernetes", .timeLimit(.minutes(2))) struct KubernetesScalerTests {
    private func scaler(_ kubernetes: Kubernetes, host: String = "localhost") -> KubernetesScaler {
        KubernetesScaler(workload: "statefulsets/messaging", host: host, port: kubernetes.port, account: kubernetes.account)
    }

    @Test("the number of replicas is read, and set", arguments: ["localhost", "127.0.0.1"])
    func scale(host: String) async throws {
        try await Kubernetes.with { kubernetes in
            let scaler = scaler(kubernetes, host: host)
            #expect(try await scaler.wanted() == 3)
            try await scaler.scale(to: 5)
            #expect(try await scaler.wanted() == 5)
            try await scaler.scale(to: 0)
            #expect(try await scaler.wanted() == 0)
            #expect(
                kubernetes.state.withLock(\.seen)
                    == ["GET", "PATCH", "GET", "PATCH", "GET"].map { "\($0) \(Kubernetes.path)" })
        }
    }

    @Test("a token that the cluster has replaced is read again")
    func rotation() async throws {
        try await Kubernetes.with { kubernetes in
            let scaler = scaler(kubernetes)
            #expect(try await scaler.wanted() == 3)
            kubernetes.state.withLock { $0.token = "second" }
            let error = await #expect(throws: ScalerError.self) { try await scaler.wanted() }
            #expect(error?.description == "Kubernetes answers 401 for statefulsets/messaging")
            try kubernetes.write("token", "second")
            #expect(try await scaler.wanted() == 3)
        }
    }

    @Test("a server that nobody we know vouches for gets no token")
    func stranger() async throws {
        try await Kubernetes.with { kubernetes in
            let other = URL(filePath: TestStack.certificateAuthority).deletingLastPathComponent().appending(path: "server.pem")
            try FileManager.default.removeItem(atPath: "\(kubernetes.account)/ca.crt")
            try FileManager.default.copyItem(atPath: other.path, toPath: "\(kubernetes.account)/ca.crt")
            await #expect(throws: (any Error).self) { try await scaler(kubernetes).wanted() }
            #expect(kubernetes.state.withLock(\.seen) == [])
        }
    }

    @Test("no answer, a refusal, or no pod: an error, and no wait without end")
    func failures() async throws {
        try await Kubernetes.with { kubernetes in
            kubernetes.state.withLock { $0.status = .forbidden }
            await #expect(throws: ScalerError.self) { try await scaler(kubernetes).scale(to: 4) }
            kubernetes.state.withLock { ($0.status, $0.isSilent) = (nil, true) }
            let client = HTTPSClient(
                host: "localhost", port: kubernetes.port, authorities: "\(kubernetes.account)/ca.crt", timeout: .milliseconds(300)
            )
            await #expect(throws: ScalerError.self) { try await client.ask(.GET, "/", headers: []) }
            var nobody = scaler(kubernetes)
            nobody.account = "/nowhere"
            await #expect(throws: ScalerError.self) { try await nobody.wanted() }
            await #expect(throws: (any Error).self) {
                try await KubernetesScaler(
                    workload: "statefulsets/messaging", host: "localhost", port: 1, account: kubernetes.account
                ).wanted()
            }
        }
    }
}

@Suite("Scaling by a command", .timeLimit(.minutes(2))) struct CommandScalerTests {
    @Test("the number is its last argument; what it ends with is looked at, and for how long it runs")
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

@Suite("Scaling, all of it", .timeLimit(.minutes(2))) struct AutoscalerTests {
    final class Recorder: Scaler {
        let asked = Seen<Int>()
        func wanted() async throws -> Int? { nil }
        func scale(to count: Int) async throws { asked.add(count) }
    }

    private static let terms: ScalingPolicy.Terms = {
        var terms = ScalingPolicy.Terms()
        terms.capacity.connections = 10
        return terms
    }()

    private func with(
        isDryRun: Bool = false, isLeading: Bool = true,
        _ body: (Autoscaler, Recorder, LoadStore, HeartbeatStore) async throws -> Void
    ) async throws {
        try await TestDatabase.migrated(try ConfigMigrations.all(), on: RoutingWorld.io) { database in
            let (recorder, store) = (Recorder(), LoadStore(database: database))
            let autoscaler = Autoscaler(
                store: store, terms: Self.terms, scaler: recorder, isDryRun: isDryRun, logger: RoutingWorld.logger,
                isLeading: { isLeading })
            try await body(autoscaler, recorder, store, HeartbeatStore(database: database))
        }
    }

    @Test("what members say is added up, kept, and acted upon: once, then it cools down")
    func acts() async throws {
        try await with { autoscaler, recorder, store, heartbeats in
            await autoscaler.look()
            #expect(recorder.asked.all == [1])
            let (leaving, others) = (ActedMember("messaging-3"), [ActedMember("messaging-1"), ActedMember("messaging-2")])
            leaving.leave()
            for member in others + [leaving] { _ = try await heartbeats.beat(member.heartbeat()) }
            // However long this machine stands still.
            try await store.database.execute("UPDATE members SET beat_at = beat_at + interval '1 hour'")
            let now = try await store.now()
            #expect(now.load == Load(connections: 30, cpu: 1.5, outboundBytes: 3_000))
            #expect(now.reporting == 2)
            let other = Autoscaler(
                store: store, terms: Self.terms, scaler: recorder, isDryRun: false, logger: RoutingWorld.logger,
                isLeading: { true })
            await other.look()
            await other.look()
            #expect(recorder.asked.all == [1, 5])
            // Of the slot that was then, and of the next one if it began meanwhile.
            let slots = try await store.curve().slots.values.map(\.connections)
            #expect(slots.max() == 30 && (1...2).contains(slots.count))
        }
    }

    @Test("who only says what it would do, and who does not lead, does nothing", arguments: [(true, true), (false, false)])
    func doesNot(isDryRun: Bool, isLeading: Bool) async throws {
        try await with(isDryRun: isDryRun, isLeading: isLeading) { autoscaler, recorder, store, heartbeats in
            _ = try await heartbeats.beat(ActedMember("messaging-1").heartbeat())
            await autoscaler.look()
            #expect(recorder.asked.all == [])
            #expect(try await store.curve().slots.isEmpty == !isLeading)
        }
    }

    @Test("the curve keeps the highest of a slot, and a week of slots")
    func curve() async throws {
        try await with { _, _, store, _ in
            let day = LoadCurve.slotsPerDay
            try await store.note(Load(connections: 5, cpu: 1, outboundBytes: 3), in: 10)
            try await store.note(Load(connections: 3, cpu: 2, outboundBytes: 3), in: 10)
            try await store.note(.none, in: 10 + 7 * day)
            #expect(try await store.curve().slots == [10: Load(connections: 5, cpu: 2, outboundBytes: 3), 10 + 7 * day: .none])
            try await store.note(.none, in: 11 + 7 * day)
            #expect(try await store.curve().slots.keys.sorted() == [10 + 7 * day, 11 + 7 * day])
        }
    }
}

@Suite("Scaling: settings") struct ScalingSettingsTests {
    private func settings(_ values: [String: String]) throws -> ScalingSettings {
        let values = values.map {
            (AbsoluteConfigKey($0.key.split(separator: ".").map(String.init)), ConfigValue(.string($0.value), isSecret: false))
        }
        return try ScalingSettings(Settings(providers: [InMemoryProvider(values: Dictionary(uniqueKeysWithValues: values))]))
    }

    @Test("it is off unless switched on, and what makes no sense is refused")
    func values() throws {
        #expect(try settings([:]).mode == .off)
        #expect(try settings([:]).terms == ScalingPolicy.Terms())
        #expect(try settings(["config.scaling.mode": "dry-run"]).mode == .dryRun)
        #expect(try settings(["config.scaling.driver": "command", "config.scaling.command": "a b"]).scaler is CommandScaler)
        for wrong in [
            ["config.scaling.driver": "command"], ["config.scaling.workload": "pods/messaging"],
            ["config.scaling.workload": "statefulsets/../../secrets"], ["config.scaling.lower": "0.7"],
            ["config.scaling.upper": "0.6"], ["config.scaling.least": "30"], ["config.scaling.mode": "maybe"],
        ] { #expect(throws: ConfigurationError.self, "\(wrong)") { try settings(wrong) } }
    }
}
