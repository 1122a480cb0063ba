import Bus
import Contracts
import ServiceKit

/// Ids from the running `idgen`, a hundred to a call.
enum IDBatches {
    static let size = 100

    static func measure(_ context: ServiceContext, _ load: Load) async throws -> Measured {
        let bus = try context.bus()
        return try await context.job([bus]) {
            try await bus.started()
            return try await load.run { _ in
                let answer = try await bus.call(NextIDs(count: size))
                precondition(answer.ids.count == size, "as many as asked for")
            }
        }
    }
}
