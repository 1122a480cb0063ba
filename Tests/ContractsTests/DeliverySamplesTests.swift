import Contracts
import Testing

@Suite("Golden samples of deliveries") struct DeliverySamplesTests {
    @Test("of a message, and of a frame without a message")
    func items() throws {
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
