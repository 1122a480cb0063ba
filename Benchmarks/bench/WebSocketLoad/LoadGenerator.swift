import Foundation
import NIOCore
import NIOPosix

/// All the clients of a plan. On its loop only.
final class Crowd {
    /// Dialled at once.
    private static let atOnce = 64
    /// So many times in all is a seat dialled again, as when an instance has not taken its users yet.
    private static let patience = 200
    let plan: LivePlan
    let loop: any EventLoop
    /// Begins the keys of this process's messages.
    let name = String(UInt64.random(in: .min ... .max), radix: 36)
    private(set) var sockets: [LiveSocket] = []
    /// One has some 28,000 ports to call from.
    private let addresses: [SocketAddress]
    private let everybody: EventLoopPromise<Void>
    private var isComplete = false
    private var here = Set<Int>()
    private var next = 0
    private var retries = 0
    private var flow: Flow?
    private var lastNumber = 0

    init(_ plan: LivePlan, on loop: any EventLoop) throws {
        addresses = try (2...9).map { try SocketAddress(ipAddress: "127.0.0.\($0)", port: 0) }
        (self.plan, self.loop) = (plan, loop)
        everybody = loop.makePromise()
    }

    // MARK: Connecting

    /// - Returns: once everybody is in.
    func connect() -> EventLoopFuture<Void> {
        sockets = plan.seats.enumerated().map { LiveSocket($0.offset, $0.element, of: self) }
        for _ in 0..<min(Self.atOnce, sockets.count) { dialNext() }
        return everybody.futureResult
    }

    private func dialNext() {
        guard next < sockets.count else { return }
        next += 1
        dial(next - 1)
    }

    private func dial(_ number: Int) {
        let socket = LiveSocket(number, plan.seats[number], of: self)
        sockets[number] = socket
        let bound = NIOLoopBound(socket, eventLoop: loop)
        let here = NIOLoopBound(self, eventLoop: loop)
        ClientBootstrap(group: loop).bind(to: addresses[number % addresses.count])
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 4_096))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(bound.value) }
            }
            .connect(host: "127.0.0.1", port: plan.port)
            .whenFailure { here.value.lost(bound.value, why: "\($0)") }
    }

    func upgraded(_ socket: LiveSocket) { if !plan.isGreeted { arrived(socket) } }

    private func arrived(_ socket: LiveSocket) {
        here.insert(socket.number)
        if here.count == sockets.count, !isComplete {
            isComplete = true
            everybody.succeed()
        }
        dialNext()
    }

    func lost(_ socket: LiveSocket, why: String) {
        retries += 1
        let wasHere = here.remove(socket.number) != nil
        guard !wasHere, retries <= Self.patience else {
            let first = why.split(separator: "\r\n").first.map(String.init) ?? "no answer"
            everybody.fail(PlanError(description: "socket \(socket.number) of \(sockets.count) was lost: \(first)"))
            if wasHere, isComplete { flow?.lost() }
            return
        }
        let (crowd, number) = (NIOLoopBound(self, eventLoop: loop), socket.number)
        loop.scheduleTask(in: .milliseconds(250)) { crowd.value.dial(number) }
    }

    // MARK: Talking

    /// - Returns: what came of it, as JSON.
    func run(_ order: Flow.Order) -> EventLoopFuture<String> {
        let flow = Flow(
            order, talkers: sockets.filter { plan.seats[$0.number].chat != nil }, numberedFrom: lastNumber + 1,
            isAnswered: plan.isGreeted, on: loop)
        self.flow = flow
        let bound = NIOLoopBound((crowd: self, flow: flow), eventLoop: loop)
        return flow.run().map { result in
            bound.value.crowd.lastNumber = bound.value.flow.lastNumber
            return result.json
        }
    }

    func heard(_ frame: SeenFrame, by socket: LiveSocket) {
        switch frame {
        case .hello: if plan.isGreeted { arrived(socket) }
        case .message(let number): flow?.received(number)
        case .acknowledged(let number): flow?.acknowledged(number)
        case .refused(let number): flow?.refused(number)
        case .gap: flow?.missed()
        case .other: break
        }
    }
}
