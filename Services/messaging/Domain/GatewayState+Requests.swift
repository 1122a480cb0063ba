import Contracts

/// Requests of clients. Services answer them, with the same rules and errors as over HTTP.
extension GatewayState {
    mutating func receive(_ frame: ClientFrame, from socket: SocketID, given inputs: some GatewayInputs) {
        guard let id = session(of: socket), let user = sessions[id]?.userID else { return }
        switch frame {
        case .send(let send): begin(send, of: user, on: id, given: inputs)
        case .read(let chat, let seq):
            if isValid(seq, on: id, given: inputs) { perform(.markRead(user, chat, seq: seq), on: id, given: inputs) }
        case .delivered(let chat, let seq):
            if hasCurrentRevocations(for: id, ref: nil, given: inputs), isValid(seq, on: id, given: inputs) {
                emit(.addReceipt(user, chat, seq: seq))
            }
        case .typing(let chat):
            if typing.isDue(user, in: chat, every: limits.typing, now: inputs.now) {
                perform(.showTyping(user, chat), on: id, given: inputs)
            }
        case .ping: send(ServerFrame.pong, to: id, given: inputs)
        case .unknown: break
        }
    }

    /// Answers a frame that is not a valid request.
    mutating func reject(_ bad: BadFrame, from socket: SocketID, given inputs: some GatewayInputs) {
        guard let id = session(of: socket) else { return }
        send(ServerFrame.error(bad.ref, code: bad.code, bad.message), to: id, given: inputs)
    }

    private mutating func perform(_ request: ClientRequest, on id: ClientSession.ID, given inputs: some GatewayInputs) {
        if reserveRequest(on: id, ref: nil, given: inputs) { emit(.perform(request, id)) }
    }

    /// A request other than a send has ended.
    mutating func finishRequest(on id: ClientSession.ID, error: ServiceError?, given inputs: some GatewayInputs) {
        if let error { sendError(error, to: id, ref: nil, given: inputs) }
        sessions[id]?.requests -= 1
    }

    // MARK: Sends

    private mutating func begin(
        _ send: SendFrame, of user: UserID, on id: ClientSession.ID, given inputs: some GatewayInputs
    ) {
        let entry = SendQueue.Entry(send: send, deadline: inputs.sendDeadline)
        guard reserveRequest(on: id, ref: send.ref, given: inputs), sessions[id]?.sends.enqueue(entry) == true else { return }
        start(entry, on: id)
        emit(.perform(.send(entry, user), id))
    }

    private mutating func start(_ entry: SendQueue.Entry, on id: ClientSession.ID) {
        sessions[id]?.echoes.insert(entry.send.echoKey)
    }

    /// A send has ended.
    ///
    /// - Returns: the next one of this connection to the same chat, to be performed now.
    mutating func finish(
        _ send: SendFrame, on id: ClientSession.ID, with result: Result<Message, ServiceError>, given inputs: some GatewayInputs
    ) -> SendQueue.Entry? {
        switch result {
        case .success(let message): self.send(ServerFrame.ack(send.ref, message), to: id, given: inputs)
        case .failure(let error):
            // The message may be stored: from now on the connection is shown it. If it was skipped already,
            // it is missing.
            let wasSkipped = sessions[id]?.echoes.remove(send.echoKey) == false
            if wasSkipped { sendGap(to: id, given: inputs) }
            sendError(error, to: id, ref: send.ref, given: inputs)
        }
        sessions[id]?.requests -= 1
        guard let next = sessions[id]?.sends.finish(in: send.chatID) else { return nil }
        start(next, on: id)
        return next
    }

    // MARK: Refusals

    /// Counts a request of the connection, unless it has too many in flight.
    private mutating func reserveRequest(on id: ClientSession.ID, ref: FrameRef?, given inputs: some GatewayInputs) -> Bool {
        guard hasCurrentRevocations(for: id, ref: ref, given: inputs), let requests = sessions[id]?.requests else { return false }
        guard requests < limits.requests else {
            let message =
                "\(limits.requests) requests of this connection are in flight. Wait for an answer, then repeat this one."
            send(ServerFrame.error(ref, code: "tooManyRequests", message), to: id, given: inputs)
            return false
        }
        sessions[id]?.requests += 1
        return true
    }

    private mutating func hasCurrentRevocations(for id: ClientSession.ID, ref: FrameRef?, given inputs: some GatewayInputs)
        -> Bool
    {
        if inputs.knowsRevocations { return true }
        let error = ServiceError(.unavailable, "The session cannot be verified at the moment. Retry in a few seconds.")
        sendError(error, to: id, ref: ref, given: inputs)
        return false
    }

    private mutating func isValid(_ seq: Int64, on id: ClientSession.ID, given inputs: some GatewayInputs) -> Bool {
        if seq < 0 { sendError(ServiceError.invalid("seq", "must be at least 0"), to: id, ref: nil, given: inputs) }
        return seq >= 0
    }

    private mutating func sendError(
        _ error: ServiceError, to id: ClientSession.ID, ref: FrameRef?, given inputs: some GatewayInputs
    ) {
        let message = error.code == .internal ? "The server failed to process the request." : error.message
        send(ServerFrame.error(ref, code: error.code.rawValue, message), to: id, given: inputs)
    }
}

extension SendFrame {
    fileprivate var echoKey: SenderEchoFilter.Key { .init(chatID: chatID, clientMessageID: clientMessageID) }
}
