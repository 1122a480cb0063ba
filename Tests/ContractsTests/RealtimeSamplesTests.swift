import Contracts
import Foundation
import Testing

@Suite("Golden samples of routing and deliveries") struct RealtimeSamplesTests {
    @Test("a heartbeat and its response")
    func heartbeat() throws {
        try expectGolden(
            Heartbeat.self,
            """
            {"bound":"0-119,240","epoch":41,"incarnation":"018f3c2a","instance":"messaging-1","isLeaving":false,\
            "load":{"connections":1203,"cpu":0.25,"outboundBytes":81920.5},"partitionCount":360,"served":"0-119",\
            "url":"ws://10.0.0.7:8084/rt"}
            """)
        try expectGolden(
            Heartbeat.Response.self, #"{"bind":"0-119,240","epoch":42,"leaseMilliseconds":2000,"serve":"0-118"}"#)
    }

    @Test("routes, and the notice of their change")
    func routes() throws {
        try expectGolden(GetRoutes.self, "{}")
        try expectGolden(
            GetRoutes.Response.self,
            """
            {"epoch":42,"instances":[{"name":"messaging-1","partitions":"0-359","url":"wss://chat.example.com/rt/messaging-1"}],\
            "partitionCount":360}
            """)
        try expectGolden(RoutesChanged.self, #"{"epoch":42}"#)
        try expectGolden(RoutingPulse.self, #"{"instance":"config-1","isCut":false}"#)
    }

    @Test("a set in another form is refused")
    func wrong() {
        let json = #"{"bind":"3-1","epoch":42,"leaseMilliseconds":2000,"serve":""}"#
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(Heartbeat.Response.self, from: Data(json.utf8)) }
    }

    @Test("deliveries of a message, and of a frame without a message")
    func deliveries() throws {
        let place =
            #"{"chatId":"71","clientMessageId":"6f1c","senderId":"5","sentAt":"2026-01-31T08:15:30.250Z","seq":4}"#
        try expectGolden(
            Delivery.self,
            #"{"items":[{"frame":"a message","message":\#(place),"recipients":["5","6"]}]}"#)
        try expectGolden(
            Delivery.self,
            #"{"items":[{"frame":"a presence","presence":{"kind":"question","online":true,"userId":"5"},"recipients":["6"]}]}"#)
    }
}
