/// How busy all instances of `messaging` are together.
struct Load: Hashable, Sendable {
    /// Now.
    var connections: Double
    /// Processor seconds a second.
    var cpu: Double
    /// To clients, a second.
    var outboundBytes: Double

    static let none = Load(connections: 0, cpu: 0, outboundBytes: 0)

    static func + (one: Load, other: Load) -> Load {
        Load(
            connections: one.connections + other.connections, cpu: one.cpu + other.cpu,
            outboundBytes: one.outboundBytes + other.outboundBytes)
    }

    /// The larger of each.
    func peak(_ other: Load) -> Load {
        Load(
            connections: max(connections, other.connections), cpu: max(cpu, other.cpu),
            outboundBytes: max(outboundBytes, other.outboundBytes))
    }

    /// How many instances this fills to the brim: what is scarcest counts.
    ///
    /// - Parameter capacity: what one instance can bear.
    func instances(of capacity: Load) -> Double {
        max(
            connections / capacity.connections, cpu / capacity.cpu, outboundBytes / capacity.outboundBytes)
    }
}
