import AMQP
import Contracts

/// The identity of a process on the bus, the broker's address, and the limits of its work.
package struct BusConfiguration: Sendable {
    package var service: ServiceName
    /// Unique among the running processes of all services, such as `<service>-1`. Part of the names of the
    /// process's own queues.
    package var instance: String
    package var endpoint: AMQPEndpoint
    /// The number of calls that may wait for an answer. A further call is `unavailable`.
    package var callsAtOnce = 4_096
    /// The number of messages, of up to 32 calls each, that may wait in the broker for the instances of this
    /// service.
    package var requestQueueLength: Int64 = 4_096
    /// The number of calls in progress over all procedures. A further call is answered `unavailable`.
    package var handledAtOnce = 1_024
    /// The time that a stop allows for the work in progress.
    package var drainTimeout: Duration = .seconds(20)

    package init(service: ServiceName, instance: String, endpoint: AMQPEndpoint) {
        self.service = service
        self.instance = instance
        self.endpoint = endpoint
    }
}

/// The exchanges of the bus. The deployment declares them with the broker's permissions, before any service
/// starts.
enum Exchange {
    static let rpc = "martlet.rpc"
    static let replies = "martlet.replies"
    static let events = "martlet.events"
    static let dead = "martlet.dead"
    static let notices = "martlet.notices"

    /// The exchange for events of a type: notices have their own.
    static func name(for type: any Event.Type) -> String { type is any Notice.Type ? notices : events }
}
