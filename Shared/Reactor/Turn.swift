import Foundation

/// The state that an ``IOThread`` keeps between turns. Its executor confines it to the thread.
actor Turn {
    private let io: IOThread
    private var sources: [any IOSource] = []
    /// Whether a source was removed since interests were last collected.
    private var hasRemoved = false
    private var wheel = TimerWheel<@Sendable () -> Void>(now: Turn.milliseconds())
    private var ends: [@Sendable () -> Void] = []
    private var descriptors: [pollfd] = []
    /// The source of each entry of `descriptors` after the waker's.
    private var polled: [any IOSource] = []

    nonisolated var unownedExecutor: UnownedSerialExecutor { io.asUnownedSerialExecutor() }

    init(io: IOThread) { self.io = io }

    func add(_ source: any IOSource) {
        remove(source)
        sources.append(source)
    }

    func remove(_ source: any IOSource) {
        sources.removeAll { $0 === source }
        hasRemoved = true
    }

    func schedule(after delay: Duration, _ body: @escaping @Sendable () -> Void) -> IOTimer {
        let (seconds, attoseconds) = delay.components
        let fraction = (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
        let (milliseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
        let ahead = overflow ? Int64.max / 4 : max(0, milliseconds + fraction)
        // One more, because part of the present millisecond has passed and a timer must not fire early.
        return IOTimer(token: wheel.schedule(at: Self.milliseconds() + min(ahead, .max / 4) + 1, body))
    }

    func cancel(_ timer: IOTimer) { wheel.cancel(timer.token) }

    func atEnd(_ body: @escaping @Sendable () -> Void) { ends.append(body) }

    /// Runs the blocks scheduled for the turn's end. Returns whether there were any.
    func runTurnEnd() -> Bool {
        if ends.isEmpty { return false }
        let now = ends
        ends.removeAll(keepingCapacity: true)
        for end in now { end() }
        return true
    }

    func collectInterests(wakeUpOn waker: CInt) {
        descriptors.removeAll(keepingCapacity: true)
        polled.removeAll(keepingCapacity: true)
        descriptors.append(pollfd(fd: waker, events: Int16(POLLIN), revents: 0))
        hasRemoved = false
        for source in sources {
            // An earlier source may have removed this one.
            if hasRemoved, !sources.contains(where: { $0 === source }) { continue }
            guard let interest = source.beforeWait() else { continue }
            let events = interest.write ? Int16(POLLIN) | Int16(POLLOUT) : Int16(POLLIN)
            descriptors.append(pollfd(fd: interest.descriptor, events: events, revents: 0))
            polled.append(source)
        }
    }

    /// Polls for a descriptor, a timer or the waker. Returns whether the waker is ready.
    func wait(mayWait: Bool) -> Bool {
        let timeout = mayWait && ends.isEmpty ? pollTimeout() : 0
        // An interrupted poll leaves every `revents` at zero.
        _ = poll(&descriptors, nfds_t(descriptors.count), timeout)
        return descriptors[0].revents != 0
    }

    /// Dispatches the events of the last poll: sockets first, then timers.
    func dispatch() {
        for index in polled.indices {
            let events = Int32(descriptors[index + 1].revents)
            if events == 0 { continue }
            var readiness: IOReadiness = []
            if events & POLLIN != 0 { readiness.insert(.read) }
            if events & POLLOUT != 0 { readiness.insert(.write) }
            if events & (POLLERR | POLLHUP | POLLNVAL) != 0 { readiness.insert(.failed) }
            let source = polled[index]
            // An earlier source of this round may have removed this one.
            if sources.contains(where: { $0 === source }) { source.ready(readiness) }
        }
        for body in wheel.removeDue(at: Self.milliseconds()) { body() }
    }

    /// The longest time to poll, in milliseconds; -1 has no limit.
    private func pollTimeout() -> CInt {
        guard let check = wheel.nextCheck() else { return -1 }
        return CInt(clamping: max(0, check - Self.milliseconds()))
    }

    /// Milliseconds of the monotonic clock.
    private static func milliseconds() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec) * 1_000 + Int64(now.tv_nsec) / 1_000_000
    }
}
