import Bus
import Contracts
import Logging
import ServiceKit
import Synchronization
import Tracing

/// What clients ask for. The same rules and answers as over HTTP, because the same services give them.
extension Hub {
    func answer(_ frame: ClientFrame, on port: Port) async {
        guard let id = line(of: port), let line = entries[id]?.line else { return }
        figures.noteReceived()
        switch frame {
        case .send(let send): await answer(send, of: line.userID, on: id)
        case .read(let chat, let seq): await request(on: id) { try await self.markRead(chat, seq, line.userID) }
        case .delivered(let chat, let seq): await marks.add(line.userID, chat, seq)
        case .typing(let chat):
            guard typing.isDue(line.userID, in: chat, every: limits.typing, now: .now) else { return }
            await request(on: id) { _ = try await self.bus.call(ShowTyping(userID: line.userID, chatID: chat)) }
        case .ping: show(ServerFrame.pong, to: id)
        case .unknown: break
        }
    }

    func complain(_ bad: BadFrame, on port: Port) {
        guard let id = line(of: port) else { return }
        show(ServerFrame.error(bad.ref, code: bad.code, bad.message), to: id)
    }

    private func markRead(_ chat: ChatID, _ seq: Int64, _ user: UserID) async throws {
        guard seq >= 0 else { throw ServiceError.invalid("seq", "must be at least 0") }
        _ = try await bus.call(MarkRead(userID: user, chatID: chat, seq: seq))
    }

    private func answer(_ send: SendFrame, of user: UserID, on id: Line.ID) async {
        let key = OwnSends.Key(chatID: send.chatID, clientMessageID: send.clientMessageID)
        await request(on: id, ref: send.ref) {
            self.entries[id]?.line.ownSends.insert(key)
            do {
                let answer = try await self.bus.call(
                    SendMessage(
                        senderID: user, chatID: send.chatID, clientMessageID: send.clientMessageID, text: send.text,
                        replyTo: send.replyTo))
                self.show(ServerFrame.ack(send.ref, answer.message), to: id)
            } catch {
                // Should it have been stored after all, it is shown its message; or has it been left out already?
                let isShownLater = self.entries[id]?.line.ownSends.remove(key) ?? true
                if !isShownLater { self.tellGap(id) }
                throw error
            }
        }
    }

    /// Does what a client asks, unless it has too much under way; tells it what went wrong.
    private func request(on id: Line.ID, ref: FrameRef? = nil, _ body: () async throws -> Void) async {
        guard let under = entries[id]?.line.requests else { return }
        guard under < limits.requests else {
            let text = "\(limits.requests) requests of this connection wait for their answers; wait for one."
            return show(ServerFrame.error(ref, code: "tooManyRequests", text), to: id)
        }
        entries[id]?.line.requests += 1
        defer { entries[id]?.line.requests -= 1 }
        do { try await body() } catch {
            let refusal = error as? ServiceError ?? ServiceError(.unavailable, "what this needs does not answer at the moment")
            if refusal.code == .internal { logger.error("a request failed", metadata: ["error": "\(refusal.code)"]) }
            show(ServerFrame.error(ref, code: refusal.code.rawValue, refusal.wordsForClients), to: id)
        }
    }
}

extension ServiceError {
    fileprivate var wordsForClients: String {
        code == .internal ? "Something went wrong on our side." : message
    }
}
