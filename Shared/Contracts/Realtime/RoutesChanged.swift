/// The routes have changed; whoever keeps them reads them again.
public struct RoutesChanged: Notice {
    public static let type: EventType = "config.routes.changed.v1"

    public var epoch: Int64

    public init(epoch: Int64) {
        self.epoch = epoch
    }

    enum CodingKeys: String, CodingKey { case epoch }
}
