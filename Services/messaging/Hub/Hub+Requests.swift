import Bus
import Contracts
import Edge
import Logging
import ServiceKit
import Synchronization
import Tracing

/// What clients ask for. The same rules and answers as over HTTP, because the same services give them.
extension Hub {
    func answer(_ frame: ClientFrame, on port: SocketHandle) {
        guard let id = line(of: port), let user = entries[id]?.line.userID else { return }
        figures.noteReceived()
        switch frame {
        case .send(let send): begin(send, of: user, on: id)
        case .read(let chat, let seq): markRead(chat, seq, user, on: id)
        case .delivered(let chat, let seq): markDelivered(chat, seq, user, on: id)
        case .typing(let chat):
            guard typing.isDue(user, in: chat, every: limits.typing, now: .now) else { return }
            request(on: id) { hub in _ = try await hub.bus.call(ShowTyping(userID: user, chatID: chat)) }
        case .ping: show(ServerFrame.pong, to: id)
        case .unknown: break
        }
    }

    func complain(_ bad: BadFrame, on port: SocketHandle) {
        guard let id = line(of: port) else { return }
        show(ServerFrame.error(bad.ref, code: bad.code, bad.message), to: id)
    }

    private func markRead(_ chat: ChatID, _ seq: Int64, _ user: UserID, on id: Line.ID) {
        guard isPossible(seq, on: id) else { return }
        request(on: id) { hub in _ = try await hub.bus.call(MarkRead(userID: user, chatID: chat, seq: seq)) }
    }

    private func isPossible(_ seq: Int64, on id: Line.ID) -> Bool {
        if seq < 0 { tell(ServiceError.invalid("seq", "must be at least 0"), on: id, ref: nil) }
        return seq >= 0
    }

    /// Told with others, later: what becomes of it then is not.
    private func markDelivered(_ chat: ChatID, _ seq: Int64, _ user: UserID, on id: Line.ID) {
        guard knowsSession(on: id, ref: nil), isPossible(seq, on: id) else { return }
        marks.assumeIsolated { $0.add(user, chat, seq) }
    }

    /// Does what a client asks, unless it has too much under way; tells it what went wrong.
    private func request(on id: Line.ID, _ body: @escaping @Sendable (isolated Hub) async throws -> Void) {
        guard hasRoom(on: id, ref: nil) else { return }
        Task(executorPreference: io) { await self.work(on: id, body) }
    }

    private func work(on id: Line.ID, _ body: (isolated Hub) async throws -> Void) async {
        do { try await body(self) } catch { tell(error, on: id, ref: nil) }
        entries[id]?.line.requests -= 1
    }

    private func hasRoom(on id: Line.ID, ref: FrameRef?) -> Bool {
        guard knowsSession(on: id, ref: ref), let under = entries[id]?.line.requests else { return false }
        guard under < limits.requests else {
            let text = "\(limits.requests) requests of this connection wait for their answers; wait for one."
            show(ServerFrame.error(ref, code: "tooManyRequests", text), to: id)
            return false
        }
        entries[id]?.line.requests += 1
        return true
    }

    private func knowsSession(on id: Line.ID, ref: FrameRef?) -> Bool {
        if revocations.areFresh { return true }
        tell(
            ServiceError(.unavailable, "It cannot be told at the moment whether your session has ended."), on: id, ref: ref)
        return false
    }

    private func tell(_ error: any Error, on id: Line.ID, ref: FrameRef?) {
        let refusal = error as? ServiceError ?? ServiceError(.unavailable, "what this needs does not answer at the moment")
        if refusal.code == .internal { logger.error("a request failed", metadata: ["error": "\(refusal.code)"]) }
        show(ServerFrame.error(ref, code: refusal.code.rawValue, refusal.wordsForClients), to: id)
    }

    // MARK: Sends

    private func begin(_ send: SendFrame, of user: UserID, on id: Line.ID) {
        let deadline = Deadline.after(SendMessage.timeout).millisecondsSinceEpoch
        let due = SendOrder.Due(send: send, deadline: Timestamp(millisecondsSinceEpoch: deadline))
        guard hasRoom(on: id, ref: send.ref), entries[id]?.line.sendOrder.mayLeave(due) == true else { return }
        Task(executorPreference: io) { await self.work(due, of: user, on: id) }
    }

    /// And what has been said in that chat meanwhile, one after the other.
    private func work(_ first: SendOrder.Due, of user: UserID, on id: Line.ID) async {
        var next: SendOrder.Due? = first
        while let due = next {
            let deadline = Deadline(millisecondsSinceEpoch: due.deadline.millisecondsSinceEpoch)
            await Deadline.$current.withValue(deadline) { await answer(due.send, of: user, on: id) }
            entries[id]?.line.requests -= 1
            next = entries[id]?.line.sendOrder.ended(in: due.send.chatID)
        }
    }

    private func answer(_ send: SendFrame, of user: UserID, on id: Line.ID) async {
        let key = OwnSends.Key(chatID: send.chatID, clientMessageID: send.clientMessageID)
        entries[id]?.line.ownSends.insert(key)
        do {
            let answer = try await bus.call(
                SendMessage(
                    senderID: user, chatID: send.chatID, clientMessageID: send.clientMessageID, text: send.text,
                    replyTo: send.replyTo))
            show(ServerFrame.ack(send.ref, answer.message), to: id)
        } catch {
            // Should it have been stored after all, it is shown its message; or has it been left out already?
            let isShownLater = entries[id]?.line.ownSends.remove(key) ?? true
            if !isShownLater { tellGap(id) }
            tell(error, on: id, ref: send.ref)
        }
    }
}

extension ServiceError {
    fileprivate var wordsForClients: String {
        code == .internal ? "Something went wrong on our side." : message
    }
}
