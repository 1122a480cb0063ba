import Contracts

@testable import Bus

/// The part of a bff process that sends calls.
final class EdgeHost: Host {
    private var client: RPCClient?

    init(_ name: String, _ simulator: Simulator, broker: Broker) {
        super.init(name, simulator)
        client = RPCClient(.bff, on: self, broker)
    }

    override func begin() { client?.begin() }

    func disconnect(for milliseconds: Int64) { client?.disconnect(for: milliseconds) }

    /// Sends a call for a client. The client may receive no answer, as processes can die.
    func call<P: Procedure>(_ request: P, _ done: @escaping (Result<P.Response, ServiceError>) -> Void) {
        after(0) { self.client?.call(request) { answer in self.simulator.after(self.simulator.between(0, 5)) { done(answer) } } }
    }
}
