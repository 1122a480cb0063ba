import Contracts

@testable import Messaging

/// `chats`: commits messages, and publishes each at least once to the instances that are bound to its
/// recipients.
final class SimulatedChats {
    private struct Chat {
        let members: [UserID]
        var last: Int64 = 0
        var seqs: [ClientMessageID: Int64] = [:]
    }

    private unowned let simulation: GatewaySimulation
    private var simulator: Simulator { simulation.simulator }
    private var chats: [ChatID: Chat] = [:]
    private var order: [ChatID] = []

    init(_ simulation: GatewaySimulation) { self.simulation = simulation }

    func open(_ chat: ChatID, members: [UserID]) {
        chats[chat] = Chat(members: members)
        order.append(chat)
    }

    func chats(of user: UserID) -> [ChatID] { order.filter { chats[$0]?.members.contains(user) == true } }

    func lastSeqs(of user: UserID) -> [(ChatID, Int64)] { chats(of: user).map { ($0, chats[$0]?.last ?? 0) } }

    /// A message from somewhere else, for example over HTTP.
    func commitAnyMessage() {
        let chat = simulator.oneOf(order)
        guard let members = chats[chat]?.members else { return }
        let key = ClientMessageID(rawValue: "other \(chats[chat]?.last ?? 0)")
        _ = commit(chat, sender: simulator.oneOf(members), key: key)
    }

    /// Answers a send after some time. An error may hide that the message was committed.
    func send(_ send: SendFrame, of user: UserID, _ answer: @escaping (Result<Message, ServiceError>) -> Void) {
        simulator.after(simulator.between(1, 100)) { [unowned self] in
            if simulator.happens(0.1) { return answer(.failure(ServiceError(.unavailable, "refused"))) }
            let message = commit(send.chatID, sender: user, key: send.clientMessageID)
            let isUnknown = simulator.happens(0.1)
            simulator.after(simulator.between(1, 300)) {
                answer(isUnknown ? .failure(ServiceError(.unknownOutcome, "lost")) : .success(message))
            }
        }
    }

    private func commit(_ chat: ChatID, sender: UserID, key: ClientMessageID) -> Message {
        chats[chat]?.last += 1
        let seq = chats[chat]?.last ?? 0
        simulator.record("chat \(chat) commits \(seq)")
        let message = Message(
            id: MessageID(rawValue: chat.rawValue * 100_000 + seq), chatID: chat, seq: seq, rev: seq, senderID: sender,
            clientMessageID: key, text: "x", sentAt: Timestamp(millisecondsSinceEpoch: Host.beginning + simulator.now))
        let padding = String(repeating: "x", count: Int(simulator.between(0, 300)))
        simulator.after(simulator.between(1, 30)) { [unowned self] in publish(message, padding: padding) }
        return message
    }

    // MARK: Publication

    private func publish(_ message: Message, padding: String) {
        let members = chats[message.chatID]?.members ?? []
        let (faults, isCalm) = (simulation.faults, simulation.isCalm)
        if !isCalm, simulator.happens(faults.fail) {
            // Some instances may have got it.
            if simulator.happens(0.5) { publish(message, to: members, padding: padding, reaching: 0.5) }
            simulator.after(simulator.between(2_000, 4_000)) { [unowned self] in publish(message, padding: padding) }
            return
        }
        if simulator.happens(faults.split) {
            for part in [members.filter { $0.rawValue % 2 == 0 }, members.filter { $0.rawValue % 2 == 1 }] where !part.isEmpty {
                publish(message, to: part, padding: padding, reaching: 1)
            }
        } else {
            publish(message, to: members, padding: padding, reaching: 1)
        }
    }

    private func publish(_ message: Message, to members: [UserID], padding: String, reaching share: Double) {
        let partitions = Set(members.map { Partitioning.partition(of: $0, count: GatewaySimulation.partitionCount) })
        let (chat, seq) = (message.chatID, message.seq)
        let item = Delivery.Item(
            recipients: members, frame: #"{"type":"message","chatId":"\#(chat)","seq":\#(seq),"text":"\#(padding)"}"#,
            message: Delivery.Place(
                chatID: chat, seq: seq, senderID: message.senderID,
                clientMessageID: message.clientMessageID,
                sentAt: message.sentAt))
        for gateway in simulation.gateways where gateway.isBound(to: partitions) && simulator.happens(share) {
            let copies = simulator.happens(simulation.faults.double) ? 2 : 1
            if copies > 1 { simulation.counts.repeats += 1 }
            for _ in 0..<copies {
                let isSlow = simulator.happens(simulation.faults.slow)
                gateway.receive(Delivery(items: [item]), after: simulator.between(1, isSlow ? 1_500 : 15))
            }
        }
    }
}
