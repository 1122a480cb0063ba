import NIOCore
import NIOHTTP1

/// Puts a request together from its parts, within bounds: what reaches the application has arrived whole. Pure.
struct RequestAssembly {
    /// Bytes of a body: 64 KiB.
    static let maximumBody = 65_536

    enum Step: Equatable {
        case more
        /// The client waits to be told that its body is welcome (RFC 9110, 10.1.1).
        case invite
        case whole(HTTPRequestHead, ByteBuffer)
        /// Too large: nothing more of this connection is of use, as the rest of the body would be taken for requests.
        case tooLarge
    }

    private enum State {
        case idle
        case body(HTTPRequestHead, ByteBuffer)
        case refused
    }

    private var state = State.idle

    /// A head is here and its body is not, yet.
    var isUnderWay: Bool { if case .body = state { true } else { false } }

    mutating func take(_ part: HTTPServerRequestPart) -> Step {
        switch (part, state) {
        case (.head(let head), .idle): return begin(head)
        case (.body(let more), .body(let head, var body)):
            // Given up first, so that appending does not copy what came before.
            state = .refused
            guard body.readableBytes + more.readableBytes <= Self.maximumBody else { return .tooLarge }
            if body.readableBytes == 0 { body = more } else { body.writeImmutableBuffer(more) }
            state = .body(head, body)
            return .more
        case (.end, .body(let head, let body)):
            state = .idle
            return .whole(head, body)
        default: return .more
        }
    }

    private mutating func begin(_ head: HTTPRequestHead) -> Step {
        if let length = head.headers.first(name: "content-length").flatMap({ Int($0) }), length > Self.maximumBody {
            state = .refused
            return .tooLarge
        }
        state = .body(head, ByteBuffer())
        let expectation = head.headers.first(name: "expect")
        return expectation?.lowercased() == "100-continue" ? .invite : .more
    }
}
