/// The locks on rows. Waiting requests are granted in order of arrival, each as soon as all of its rows are
/// free.
struct RowLocks<Row: Hashable> {
    private final class State {
        var holders: [Row: Int] = [:]
        var waiting: [(owner: Int, rows: Set<Row>, granted: (Bool) -> Void)] = []
    }

    private let state = State()
    private let simulator: Simulator

    init(_ simulator: Simulator) { self.simulator = simulator }

    /// - Parameter granted: receives false after a wait of `limit` milliseconds.
    func lock(_ rows: Set<Row>, for owner: Int, atMost limit: Int64, _ granted: @escaping (Bool) -> Void) {
        state.waiting.append((owner, rows, granted))
        serve()
        simulator.after(limit) {
            guard let index = state.waiting.firstIndex(where: { $0.owner == owner }) else { return }
            state.waiting.remove(at: index).granted(false)
        }
    }

    func areHeld(by owner: Int) -> Bool { state.holders.values.contains(owner) }

    /// Releases the locks of an owner, or ends its wait.
    func unlock(_ owner: Int) {
        state.waiting.removeAll { $0.owner == owner }
        state.holders = state.holders.filter { $0.value != owner }
        serve()
    }

    private func serve() {
        var wanted: Set<Row> = []
        var served: [(Bool) -> Void] = []
        state.waiting.removeAll { request in
            guard wanted.isDisjoint(with: request.rows), request.rows.allSatisfy({ state.holders[$0] == nil }) else {
                wanted.formUnion(request.rows)
                return false
            }
            for row in request.rows { state.holders[row] = request.owner }
            served.append(request.granted)
            return true
        }
        for granted in served { granted(true) }
    }
}
