/// What instances of `config` tell each other while they look after members.
///
/// The leader hears its own, and so knows that it would hear members. And whoever must refuse heartbeats as `unavailable`, on which members keep what they
/// have, says so first: then nobody is taken for dead who has reason to go on.
public struct RoutingPulse: Notice {
    public static let type: EventType = "config.routing.pulse.v1"

    public var instance: String
    /// It cannot reach Postgres.
    public var isCut: Bool

    public init(instance: String, isCut: Bool) {
        self.instance = instance
        self.isCut = isCut
    }

    enum CodingKeys: String, CodingKey { case instance, isCut }
}
