import Contracts

/// What a server keeps of one of its procedures. Belongs to the server; found by name once for each call.
final class ProcedureState {
    let procedure: ServedProcedure
    /// Handlers at work.
    var inHand = 0
    var metrics: ProcedureMetrics

    init(_ procedure: ServedProcedure) {
        self.procedure = procedure
        metrics = ProcedureMetrics("handled", procedure: procedure.name.rawValue)
    }

    var isFull: Bool { inHand >= procedure.limit }
}
