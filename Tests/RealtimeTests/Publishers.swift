import Bus
import BusTesting
import Contracts
import Testing

@testable import Realtime

extension TestBroker {
    /// Runs `body` with a bus of `service` and a publisher on it.
    func publisher<Result>(
        of service: ServiceName, register: (Bus, DeliveryPublisher) -> Void = { _, _ in },
        _ body: (Bus, DeliveryPublisher) async throws -> Result
    ) async throws -> Result {
        var made: DeliveryPublisher?
        return try await bus(
            service,
            register: { bus in
                let publisher = DeliveryPublisher(bus)
                register(bus, publisher)
                made = publisher
            }
        ) { bus in try await body(bus, try #require(made)) }
    }
}
