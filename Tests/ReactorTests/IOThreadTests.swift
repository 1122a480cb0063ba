import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Reactor

@Suite("I/O thread", .timeLimit(.minutes(1))) struct IOThreadTests {
    static let io = IOThread(name: "test")

    @Test("an actor and a task that prefer the thread both run on it")
    func executors() async {
        let counter = Counter(io: Self.io)
        await withTaskGroup { group in
            for _ in 0..<1_000 { group.addTask { await counter.increment() } }
        }
        #expect(await counter.value == 1_000)
        let isolated = await Task(executorPreference: Self.io) { onThread() }.value
        #expect(isolated)
    }

    @Test("timers fire in order and a cancelled one does not fire")
    func timers() async {
        let log = Log()
        await withCheckedContinuation { continuation in
            Task(executorPreference: Self.io) {
                Self.io.schedule(after: .milliseconds(900)) {
                    log.add("c"); continuation.resume()
                }
                Self.io.schedule(after: .milliseconds(100)) { log.add("a") }
                let dead = Self.io.schedule(after: .milliseconds(300)) { log.add("dead") }
                Self.io.schedule(after: .milliseconds(500)) { log.add("b") }
                Self.io.cancel(dead)
            }
        }
        #expect(log.lines == ["a", "b", "c"])
    }

    @Test("the turn's end comes after every job that was ready")
    func turnEnd() async {
        // A thread of its own: on a busy one a turn may end because it has run enough jobs.
        let (log, io) = (Log(), IOThread(name: "turn end"))
        await Task(executorPreference: io) {
            await withCheckedContinuation { continuation in
                io.atTurnEnd {
                    log.add("end"); continuation.resume()
                }
                for _ in 0..<3 { Task(executorPreference: io) { log.add("job") } }
            }
        }.value
        #expect(log.lines == ["job", "job", "job", "end"])
    }

    @Test("posted blocks run on the thread, in the order in which they were posted")
    func posts() async {
        let (log, counter) = (Log(), Counter(io: Self.io))
        await withCheckedContinuation { continuation in
            for number in 0..<1_000 {
                Self.io.post {
                    log.add("\(number)")
                    counter.assumeIsolated { $0.increment() }
                }
            }
            Self.io.post { continuation.resume() }
        }
        #expect(log.lines == (0..<1_000).map(String.init))
        #expect(await counter.value == 1_000)
    }

    @Test("a source is called for bytes until it is removed")
    func sources() async {
        let echo = await PipeReader(io: Self.io)
        for byte in UInt8(0)..<100 { echo.write(byte) }
        await echo.received(100)
        await echo.stop()
        #expect(await echo.bytes == Array(0..<100))
    }

    @Test("blocking work runs on another thread and its error is thrown to the caller")
    func blocking() async throws {
        struct Failure: Error {}
        let onIOThread = try await Task(executorPreference: Self.io) {
            try await Blocking.run { Self.io.isCurrent }
        }.value
        #expect(onIOThread == false)
        await #expect(throws: Failure.self) { try await Blocking.run { throw Failure() } }
    }

    @Test("a source that another source removes while all are polled is not polled again")
    func removedWhileAsked() async throws {
        let log = Log()
        let victim = Asked { log.add("victim") }
        let remover = Asked {
            if log.lines.isEmpty { Self.io.remove(victim) }
            log.add("remover")
        }
        await Task(executorPreference: Self.io) {
            Self.io.add(remover)
            Self.io.add(victim)
        }.value
        _ = try await eventually("two turns") { log.lines.count >= 2 ? true : nil }
        await Task(executorPreference: Self.io) { Self.io.remove(remover) }.value
        #expect(log.lines.contains("victim") == false)
    }

    private func onThread() -> Bool { Self.io.isCurrent }
}

private actor Counter {
    private let io: IOThread
    private(set) var value = 0
    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }
    init(io: IOThread) { self.io = io }
    func increment() { value += 1 }
}

private final class Log: Sendable {
    private let storage = Mutex<[String]>([])
    var lines: [String] { storage.withLock { $0 } }
    func add(_ line: String) { storage.withLock { $0.append(line) } }
}

/// Runs a closure at every poll and polls nothing.
private final class Asked: IOSource {
    private let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    nonisolated func beforeWait() -> IOInterest? {
        body()
        return nil
    }
    nonisolated func ready(_ readiness: IOReadiness) {}
}

/// Collects the bytes written into a pipe.
private actor PipeReader: IOSource {
    private let io: IOThread
    private let reader: CInt
    private let writer: CInt
    private(set) var bytes: [UInt8] = []
    private var waiter: (count: Int, continuation: CheckedContinuation<Void, Never>)?
    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    init(io: IOThread) async {
        self.io = io
        var ends: [CInt] = [0, 0]
        pipe(&ends)
        (reader, writer) = (ends[0], ends[1])
        _ = fcntl(reader, F_SETFL, O_NONBLOCK)
        io.add(self)
    }

    nonisolated func write(_ byte: UInt8) {
        var byte = byte
        _ = Foundation.write(writer, &byte, 1)
    }

    func received(_ count: Int) async {
        if bytes.count >= count { return }
        await withCheckedContinuation { waiter = (count, $0) }
    }

    func stop() {
        io.remove(self)
        close(reader)
        close(writer)
    }

    nonisolated func beforeWait() -> IOInterest? { IOInterest(descriptor: reader, write: false) }
    nonisolated func ready(_ readiness: IOReadiness) { assumeIsolated { $0.readAll() } }

    private func readAll() {
        var byte: UInt8 = 0
        while read(reader, &byte, 1) == 1 { bytes.append(byte) }
        if let waiter, bytes.count >= waiter.count {
            self.waiter = nil
            waiter.continuation.resume()
        }
    }
}
