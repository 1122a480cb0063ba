import Contracts

/// The exchanges of the bus. They are made with the broker's permissions, before any service starts.
enum Exchange {
    static let rpc = "martlet.rpc"
    static let replies = "martlet.replies"
    static let events = "martlet.events"
    static let dead = "martlet.dead"
    static let notices = "martlet.notices"

    /// Where an event of this type is told.
    static func telling(_ type: any Event.Type) -> String { type is any Notice.Type ? notices : events }
}
