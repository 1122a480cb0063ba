import Bus
import Contracts
import ServiceKit

/// A procedure that returns its request, for measuring calls over the bus.
struct BusEcho: Procedure {
    typealias Response = BusEcho
    static let name: ProcedureName = "chats.echo.v1"
    static let service = ServiceName.chats
    static let callers: Set<ServiceName> = [.bff]
    static let isRepeatable = true

    var text: String

    enum CodingKeys: String, CodingKey { case text }

    static func serve(_ context: ServiceContext) async throws -> String {
        let bus = try context.bus()
        bus.serve(BusEcho.self) { request, _ in request }
        return try await context.job([bus]) {
            while true { try await Task.sleep(for: .seconds(60)) }
        }
    }

    static func measure(_ context: ServiceContext, _ load: ClosedLoopLoad) async throws -> LoadResult {
        let bus = try context.bus()
        let request = BusEcho(text: String(repeating: "x", count: 200))
        return try await context.job([bus]) {
            try await bus.started()
            try await waitForServer(bus, request)
            return try await load.run { _ in _ = try await bus.call(request) }
        }
    }
}

extension BusEcho {
    /// Returns once the server, which may still be starting, has answered. Waits at most 10 s.
    private static func waitForServer(_ bus: Bus, _ request: BusEcho) async throws {
        let deadline = ContinuousClock.now + .seconds(10)
        while true {
            do {
                _ = try await bus.call(request)
                return
            } catch  where ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }
}

/// Requests for ids from the running `idgen`, a hundred per call.
enum IDBatches {
    static let size = 100

    static func measure(_ context: ServiceContext, _ load: ClosedLoopLoad) async throws -> LoadResult {
        let bus = try context.bus()
        return try await context.job([bus]) {
            try await bus.started()
            return try await load.run { _ in
                let answer = try await bus.call(NextIDs(count: size))
                precondition(answer.ids.count == size, "idgen returned \(answer.ids.count) ids instead of \(size)")
            }
        }
    }
}
