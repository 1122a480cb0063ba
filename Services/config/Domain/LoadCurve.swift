/// The load of all instances of `messaging` together.
struct FleetLoad: Hashable, Sendable {
    /// The number of open connections.
    var connections: Double
    /// Processor seconds per second.
    var cpu: Double
    /// Bytes to clients per second.
    var outboundBytes: Double

    static let none = FleetLoad(connections: 0, cpu: 0, outboundBytes: 0)

    static func + (one: FleetLoad, other: FleetLoad) -> FleetLoad {
        FleetLoad(
            connections: one.connections + other.connections, cpu: one.cpu + other.cpu,
            outboundBytes: one.outboundBytes + other.outboundBytes)
    }

    /// Returns the maximum of each dimension.
    func peak(_ other: FleetLoad) -> FleetLoad {
        FleetLoad(
            connections: max(connections, other.connections), cpu: max(cpu, other.cpu),
            outboundBytes: max(outboundBytes, other.outboundBytes))
    }

    /// Returns how many instances this load fills completely, in its scarcest dimension.
    ///
    /// - Parameter capacity: of one instance.
    func instances(of capacity: FleetLoad) -> Double {
        max(
            connections / capacity.connections, cpu / capacity.cpu, outboundBytes / capacity.outboundBytes)
    }
}

/// The load of the last week, and the growth that it predicts for the next minutes.
struct LoadCurve: Sendable {
    /// The length of a slot. The load of a slot is the highest within it.
    static let slotSeconds = 300
    static let slotsPerDay = 86_400 / slotSeconds
    /// How far to look ahead: a quarter of an hour, in which new instances start and receive partitions.
    static let slotsAhead = 3
    /// The number of days that are kept.
    static let days = 7

    /// By the number of slots since 1970.
    private(set) var slots: [Int: FleetLoad] = [:]

    init(_ slots: [Int: FleetLoad] = [:]) { self.slots = slots }

    static func slot(atSecondsSinceEpoch seconds: Int) -> Int { seconds / slotSeconds }

    mutating func record(_ load: FleetLoad, in slot: Int) {
        slots[slot] = slots[slot].map { $0.peak(load) } ?? load
        slots[slot - Self.days * Self.slotsPerDay - 1] = nil
    }

    /// Returns the factor by which the load grows within the next slots, as the median of the last days.
    ///
    /// At least 1. At most 2, so that an unusual day cannot demand more.
    ///
    /// - Parameters:
    ///   - slot: the current one.
    ///   - ahead: the number of slots to look ahead; 1 at least.
    ///   - capacity: of one instance.
    func growth(from slot: Int, ahead: Int = slotsAhead, of capacity: FleetLoad) -> Double {
        let days = (1...Self.days).compactMap { day -> Double? in
            let then = slot - day * Self.slotsPerDay
            guard let begin = slots[then]?.instances(of: capacity), begin > 0 else { return nil }
            let peak = (then + 1...then + ahead).compactMap { slots[$0]?.instances(of: capacity) }.max()
            return peak.map { $0 / begin }
        }.sorted()
        return days.isEmpty ? 1 : min(2, max(1, days[days.count / 2]))
    }
}
