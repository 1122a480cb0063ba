/// Who holds which rows. Those who wait are served in the order in which they asked, as soon as all that they want is free.
struct RowLocks<Row: Hashable> {
    private final class State {
        var holders: [Row: Int] = [:]
        var line: [(owner: Int, rows: Set<Row>, granted: (Bool) -> Void)] = []
    }

    private let state = State()
    private let simulator: Simulator

    init(_ simulator: Simulator) { self.simulator = simulator }

    /// - Parameter granted: false when the wait was too long.
    func lock(_ rows: Set<Row>, for owner: Int, atMost limit: Int64, _ granted: @escaping (Bool) -> Void) {
        state.line.append((owner, rows, granted))
        serve()
        simulator.after(limit) {
            guard let place = state.line.firstIndex(where: { $0.owner == owner }) else { return }
            state.line.remove(at: place).granted(false)
        }
    }

    func areHeld(by owner: Int) -> Bool { state.holders.values.contains(owner) }

    /// Also of one who waits yet.
    func unlock(_ owner: Int) {
        state.line.removeAll { $0.owner == owner }
        state.holders = state.holders.filter { $0.value != owner }
        serve()
    }

    private func serve() {
        var wanted: Set<Row> = []
        var served: [(Bool) -> Void] = []
        state.line.removeAll { entry in
            guard wanted.isDisjoint(with: entry.rows), entry.rows.allSatisfy({ state.holders[$0] == nil }) else {
                wanted.formUnion(entry.rows)
                return false
            }
            for row in entry.rows { state.holders[row] = entry.owner }
            served.append(entry.granted)
            return true
        }
        for granted in served { granted(true) }
    }
}
