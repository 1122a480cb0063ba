import CRabbitMQ
import Foundation
import Reactor

/// An open connection: its socket, its output, and the library as parser of its input. Belongs to the actor.
final class Link {
    enum Input {
        case bytes(UnsafeRawBufferPointer)
        /// No input is available now.
        case none
        case failed(String)
    }

    let handle: ConnectionHandle
    let descriptor: CInt
    let frameMax: Int
    var output = OutputBuffer()
    var frames: FrameGuard
    var heartbeat: Heartbeat
    /// Whether this side has sent `connection.close`.
    var closing = false
    /// The timer of a delayed read.
    var readTimer: IOTimer?
    var readsSoon = false
    private var isCoalescing = false
    /// The maximum number of bytes of one read.
    static let bufferSize = 65_536
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferSize, alignment: 16)

    init(_ handle: ConnectionHandle) {
        self.handle = handle
        descriptor = handle.descriptor
        frameMax = handle.frameMax
        frames = FrameGuard(frameMax: frameMax)
        heartbeat = Heartbeat(interval: handle.heartbeat, now: .now)
    }

    deinit { buffer.deallocate() }

    /// Sets whether only input longer than a confirm wakes the process.
    func setCoalescing(_ enabled: Bool) {
        if enabled == isCoalescing { return }
        isCoalescing = enabled
        var threshold: CInt = enabled ? CInt(Self.confirmationSize + 1) : 1
        setsockopt(descriptor, SOL_SOCKET, SO_RCVLOWAT, &threshold, socklen_t(MemoryLayout<CInt>.size))
    }

    /// The size of `basic.ack` or `basic.nack`: method, tag, a byte of flags.
    private static let confirmationSize = FrameKind.overhead + 4 + 8 + 1

    /// Reads from the socket without waiting. The bytes are valid until the next call.
    func receive() -> Input {
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, CInt(MSG_DONTWAIT))
            if count > 0 {
                heartbeat.recordInput(at: .now)
                let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
                if let violation = frames.violation(in: bytes) { return .failed(violation) }
                return .bytes(bytes)
            }
            if count == 0 { return .failed("the broker closed the connection") }
            if errno == EAGAIN || errno == EWOULDBLOCK { return .none }
            if errno != EINTR { return .failed(String(errno: errno)) }
        }
    }

    /// Calls `body` for every frame in `bytes` until it returns false. The frame's pointers are valid during
    /// the call only.
    func parse(_ bytes: UnsafeRawBufferPointer, _ body: (amqp_frame_t) -> Bool) -> AMQPError? {
        var rest = amqp_bytes_t(len: bytes.count, bytes: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
        while rest.len > 0 {
            var frame = amqp_frame_t()
            let used = amqp_handle_input(handle.state, rest, &frame)
            guard used > 0 else { return AMQPError(status: used, doing: "reading frames") }
            rest.len -= Int(used)
            rest.bytes += Int(used)
            if frame.frame_type == 0 { continue }
            let continues = body(frame)
            amqp_maybe_release_buffers(handle.state)
            if !continues { return nil }
        }
        return nil
    }

    /// Processes frames that the library has read beyond the end of the login. Never waits.
    func drainLibrary(_ body: (amqp_frame_t) -> Bool) -> AMQPError? {
        while amqp_frames_enqueued(handle.state) != 0 || amqp_data_in_buffer(handle.state) != 0 {
            var frame = amqp_frame_t()
            var zero = timeval()
            let status = amqp_simple_wait_frame_noblock(handle.state, &frame, &zero)
            if status == AMQP_STATUS_TIMEOUT.rawValue { break }
            guard status == AMQP_STATUS_OK.rawValue else { return AMQPError(status: status, doing: "reading frames") }
            let continues = body(frame)
            amqp_maybe_release_buffers(handle.state)
            if !continues { return nil }
        }
        // A partial frame in the library would desynchronise the frame guard. It cannot occur between an
        // answer and the next request.
        return amqp_release_buffers_ok(handle.state) != 0 ? nil : .notConnected("incomplete frame after login")
    }
}

/// Detects a dead peer: each side sends at least once per interval, and two silent intervals mean a dead
/// peer.
struct Heartbeat {
    /// The interval agreed with the broker; zero disables heartbeats.
    let interval: Duration
    private var lastInput: ContinuousClock.Instant

    init(interval: Duration, now: ContinuousClock.Instant) {
        self.interval = interval
        lastInput = now
    }

    /// The interval of sending and checking: half of ``interval``.
    var tick: Duration? { interval > .zero ? interval / 2 : nil }

    mutating func recordInput(at now: ContinuousClock.Instant) { lastInput = now }

    func isDead(at now: ContinuousClock.Instant) -> Bool { interval > .zero && now - lastInput >= interval * 2 }
}
