import BusTesting
import Contracts
import TestSupport
import Testing

@testable import Realtime

@Suite("The route table") struct RouteTableTests {
    @Test("routes of a lower epoch are refused and not handed to listeners")
    func lowerEpoch() {
        let (table, heard) = (Self.table(), ValueRecorder<Int64>())
        table.onRead { heard.add($0.epoch) }
        for epoch: Int64 in [2, 1, 2, 3] { table.apply(Self.routes(epoch)) }
        #expect(heard.all == [2, 2, 3])
        #expect(table.routes?.epoch == 3)
    }

    @Test("routes with a partition count out of range are refused", arguments: [Int.min, -1, 0, 20_001])
    func invalidCount(count: Int) {
        let (table, heard) = (Self.table(), ValueRecorder<Int64>())
        table.onRead { heard.add($0.epoch) }
        table.apply(Self.routes(1))
        table.apply(Self.routes(2, count: count))
        #expect(heard.all == [1])
        #expect(table.routes == Self.routes(1))
        #expect(table.place(of: UserID(rawValue: 1))?.instance?.name == "m1")
    }

    @Test("a partition without an owner has no instance; partitions out of range are ignored")
    func owners() {
        let table = Self.table()
        #expect(table.place(of: UserID(rawValue: 1)) == nil)
        var routes = Self.routes(1, count: 4)
        routes.instances[0].partitions = PartitionSet([1, 900])
        table.apply(routes)
        #expect((-1...4).map { table.instance(of: $0)?.name } == [nil, nil, "m1", nil, nil, nil])
        #expect(table.instance(of: 900) == nil)
    }

    private static func table() -> RouteTable { RouteTable(bus: StubBus(), logger: TestBroker.logger) }

    private static func routes(_ epoch: Int64, count: Int = 360) -> Routes {
        Routes(
            epoch: epoch, partitionCount: count,
            instances: [.init(name: "m1", url: "ws://m1", partitions: PartitionSet(0..<360))])
    }
}
