import AMQP
import Contracts

/// Who we are on the bus, where it is, and the bounds of what we do on it.
package struct BusConfiguration: Sendable {
    package var service: ServiceName
    /// `chats-1`: unique among the running processes of all services; part of the names of this process's own
    /// queues.
    package var instance: String
    package var endpoint: AMQPEndpoint
    /// Calls waiting for an answer at once; one more is `unavailable`.
    package var callsAtOnce = 4_096
    /// Calls that may wait in the broker for the instances of this service, as messages of up to 32 calls.
    package var requestQueueLength: Int64 = 4_096
    /// Calls being handled at once over all procedures; one more is answered `unavailable`.
    package var handledAtOnce = 1_024
    /// How long to wait for what is in hand when asked to stop.
    package var drainTimeout: Duration = .seconds(20)

    package init(service: ServiceName, instance: String, endpoint: AMQPEndpoint) {
        self.service = service
        self.instance = instance
        self.endpoint = endpoint
    }
}
