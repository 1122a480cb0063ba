import Contracts
import ServiceKit

/// What can be set of routing.
struct RoutingSettings: Sendable {
    private static let handovers = Setting<Int>.whole(
        "config.handovers", in: Partitioning.counts,
        "partitions on their way to another instance at once, to even out; a sixteenth of all unless set")

    static let all = [CommonSettings.partitionCount.description, handovers.description]

    static var partitionsVariable: String { CommonSettings.partitionCount.variable }

    let partitionCount: Int
    /// How many partitions may be on their way at once.
    let limit: Int

    init(partitionCount: Int, limit: Int? = nil) {
        (self.partitionCount, self.limit) = (partitionCount, limit ?? Self.usualLimit(of: partitionCount))
    }

    init(_ settings: Settings) throws {
        self.init(
            partitionCount: try settings.value(CommonSettings.partitionCount), limit: try settings.optional(Self.handovers))
    }

    private static func usualLimit(of partitionCount: Int) -> Int { max(1, partitionCount / 16) }
}
