import Bus
import Contracts
import Logging
import ServiceKit

/// Performs what clients request, by calls to the services.
extension Gateway {
    func perform(_ request: ClientRequest, on id: ClientSession.ID) {
        Task(executorPreference: io) {
            switch request {
            case .send(let entry, let user): await self.send(entry, of: user, on: id)
            case .markRead(let user, let chat, let seq):
                await self.call(MarkRead(userID: user, chatID: chat, seq: seq), on: id)
            case .showTyping(let user, let chat): await self.call(ShowTyping(userID: user, chatID: chat), on: id)
            }
        }
    }

    private func call(_ request: some Procedure, on id: ClientSession.ID) async {
        var failure: ServiceError?
        do { _ = try await bus.call(request) } catch { failure = serviceError(error) }
        update { $0.finishRequest(on: id, error: failure, given: $1) }
    }

    /// Performs a send, and then those that the connection has submitted to the same chat meanwhile, one by
    /// one.
    private func send(_ first: SendQueue.Entry, of user: UserID, on id: ClientSession.ID) async {
        var next: SendQueue.Entry? = first
        while let entry = next {
            let deadline = Deadline(millisecondsSinceEpoch: entry.deadline.millisecondsSinceEpoch)
            let result = await Deadline.$current.withValue(deadline) { await send(entry.send, of: user) }
            next = update { $0.finish(entry.send, on: id, with: result, given: $1) }
        }
    }

    private func send(_ send: SendFrame, of user: UserID) async -> Result<Message, ServiceError> {
        let request = SendMessage(
            senderID: user, chatID: send.chatID, clientMessageID: send.clientMessageID, text: send.text, replyTo: send.replyTo)
        do { return .success(try await bus.call(request).message) } catch { return .failure(serviceError(error)) }
    }

    private func serviceError(_ error: any Error) -> ServiceError {
        let error = error as? ServiceError ?? ServiceError(.unavailable, "A service does not answer. Retry in a few seconds.")
        if error.code == .internal { logger.error("client request failed", metadata: ["error": "\(error.code)"]) }
        return error
    }
}
