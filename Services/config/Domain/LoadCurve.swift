/// What the load was over the last week, and what that says of the next minutes.
struct LoadCurve: Sendable {
    /// Of one point; the load of a slot is the highest within it.
    static let slotSeconds = 300
    static let slotsPerDay = 86_400 / slotSeconds
    /// How far to look ahead: a quarter of an hour, in which instances start and take over.
    static let slotsAhead = 3
    /// Days that are kept.
    static let days = 7

    /// By the number of slots since 1970.
    private(set) var slots: [Int: Load] = [:]

    init(_ slots: [Int: Load] = [:]) { self.slots = slots }

    static func slot(atSecondsSinceEpoch seconds: Int) -> Int { seconds / slotSeconds }

    mutating func note(_ load: Load, in slot: Int) {
        slots[slot] = slots[slot].map { $0.peak(load) } ?? load
        slots[slot - Self.days * Self.slotsPerDay - 1] = nil
    }

    /// How much the load grows within the next slots, as the median of the last days has it: 1 not at all, 2 at most, as a day that was odd must not
    /// buy more than that.
    ///
    /// - Parameters:
    ///   - slot: now.
    ///   - ahead: how many slots; 1 at least.
    func growth(from slot: Int, ahead: Int = slotsAhead, of capacity: Load) -> Double {
        let days = (1...Self.days).compactMap { day -> Double? in
            let then = slot - day * Self.slotsPerDay
            guard let begin = slots[then]?.instances(of: capacity), begin > 0 else { return nil }
            let peak = (then + 1...then + ahead).compactMap { slots[$0]?.instances(of: capacity) }.max()
            return peak.map { $0 / begin }
        }.sorted()
        return days.isEmpty ? 1 : min(2, max(1, days[days.count / 2]))
    }
}
