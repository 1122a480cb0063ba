import Contracts

@testable import Bus

/// A process of bff, as far as calls go.
final class EdgeHost: Host {
    private var caller: Caller?

    init(_ name: String, _ simulator: Simulator, _ broker: Broker) {
        super.init(name, simulator)
        caller = Caller(.bff, on: self, broker)
    }

    override func begin() { caller?.begin() }

    func disconnect(for milliseconds: Int64) { caller?.disconnect(for: milliseconds) }

    /// For a client, which may wait in vain: processes die.
    func ask<P: Procedure>(_ request: P, _ done: @escaping (Result<P.Response, ServiceError>) -> Void) {
        after(0) { self.caller?.call(request) { answer in self.simulator.after(self.simulator.between(0, 5)) { done(answer) } } }
    }
}
