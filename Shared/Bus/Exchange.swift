/// The exchanges of the bus. They are made with the broker's permissions, before any service starts.
enum Exchange {
    static let rpc = "martlet.rpc"
    static let replies = "martlet.replies"
    static let events = "martlet.events"
    static let dead = "martlet.dead"
}
