import CRabbitMQ
import Foundation
import Reactor

/// One connection that is up: the socket, what is to be written to it, and the library as the parser of what comes in. Belongs to the actor.
final class Link {
    enum Input {
        case bytes(UnsafeRawBufferPointer)
        /// Nothing more for now.
        case none
        case failed(String)
    }

    let handle: ConnectionHandle
    let descriptor: CInt
    let frameMax: Int
    var output = OutputBuffer()
    var frames: FrameGuard
    var heartbeat: Heartbeat
    /// We have said goodbye.
    var closing = false
    /// When we look at the socket without having been woken.
    var look: IOTimer?
    var looksSoon = false
    private var isPatient = false
    /// What is read at once at most.
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

    /// Whether to be woken only by more than the shortest frames, a confirmation among them.
    func setPatience(_ patient: Bool) {
        if patient == isPatient { return }
        isPatient = patient
        var least: CInt = patient ? CInt(Self.confirmationSize + 1) : 1
        setsockopt(descriptor, SOL_SOCKET, SO_RCVLOWAT, &least, socklen_t(MemoryLayout<CInt>.size))
    }

    /// `basic.ack` or `basic.nack`: method, tag, a byte of flags.
    private static let confirmationSize = FrameKind.overhead + 4 + 8 + 1

    /// What the socket has now; valid until the next call.
    func receive() -> Input {
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, CInt(MSG_DONTWAIT))
            if count > 0 {
                heartbeat.hear(at: .now)
                let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
                if let objection = frames.objection(to: bytes) { return .failed(objection) }
                return .bytes(bytes)
            }
            if count == 0 { return .failed("the broker closed the connection") }
            if errno == EAGAIN || errno == EWOULDBLOCK { return .none }
            if errno != EINTR { return .failed(String(errno: errno)) }
        }
    }

    /// Calls `body` for every frame in `bytes`; what the frame points to lives for that call. Stops when `body` says false.
    func parse(_ bytes: UnsafeRawBufferPointer, _ body: (amqp_frame_t) -> Bool) -> AMQPError? {
        var rest = amqp_bytes_t(len: bytes.count, bytes: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
        while rest.len > 0 {
            var frame = amqp_frame_t()
            let used = amqp_handle_input(handle.state, rest, &frame)
            guard used > 0 else { return AMQPError(status: used, doing: "reading frames") }
            rest.len -= Int(used)
            rest.bytes += Int(used)
            if frame.frame_type == 0 { continue }
            let goOn = body(frame)
            amqp_maybe_release_buffers(handle.state)
            if !goOn { return nil }
        }
        return nil
    }

    /// Frames that the library has read beyond the end of the login. Never waits.
    func drainLibrary(_ body: (amqp_frame_t) -> Bool) -> AMQPError? {
        while amqp_frames_enqueued(handle.state) != 0 || amqp_data_in_buffer(handle.state) != 0 {
            var frame = amqp_frame_t()
            var zero = timeval()
            let status = amqp_simple_wait_frame_noblock(handle.state, &frame, &zero)
            if status == AMQP_STATUS_TIMEOUT.rawValue { break }
            guard status == AMQP_STATUS_OK.rawValue else { return AMQPError(status: status, doing: "reading frames") }
            let goOn = body(frame)
            amqp_maybe_release_buffers(handle.state)
            if !goOn { return nil }
        }
        // Half a frame in the library would put our own view of the frames out of step; it does not happen between an answer and the next question.
        return amqp_release_buffers_ok(handle.state) != 0 ? nil : .notConnected("half a frame after login")
    }
}
