import Contracts

@testable import Chats

/// Somebody who writes in chats, repeats what was not answered, and now and then what was; who blocks others and makes it up with them.
final class Person {
    let id: UserID
    private(set) var sends: [Send] = []
    private unowned let world: World
    private let chats: [ChatID]
    /// With whom there is a direct chat.
    private let other: UserID
    private var isWriting = true
    private var isMeddling = true
    private var simulator: Simulator { world.simulator }

    init(_ id: UserID, in chats: [ChatID], other: UserID, _ world: World) {
        (self.id, self.chats, self.other, self.world) = (id, chats, other, world)
    }

    func begin() {
        write()
        meddle()
    }

    func stopWriting() { isWriting = false }
    func stopMeddling() { isMeddling = false }

    // MARK: Sends

    private func write() {
        guard isWriting else { return }
        simulator.after(simulator.between(20, 2_000)) { self.write() }
        let (number, chat) = (sends.count, simulator.oneOf(chats))
        let request = SendMessage(
            senderID: id, chatID: chat, clientMessageID: .init(rawValue: "\(id)-\(number)"), text: "\(id) says \(number)")
        sends.append(Send(request, at: simulator.now))
        send(number)
    }

    /// What no answer comes to is sent again under its key, perhaps through the other edge, while the first may still be on its way.
    private func send(_ number: Int) {
        sends[number].tries += 1
        let (send, attempt) = (sends[number], sends[number].tries)
        simulator.after(6_000) {
            if self.sends[number].answer == nil, self.sends[number].tries == attempt { self.send(number) }
        }
        simulator.oneOf(world.edges).ask(send.request) { result in
            switch result {
            case .success(let response): self.succeeded(number, response)
            case .failure(let error): self.failed(number, error, attempt, isRepeat: send.answer != nil)
            }
        }
    }

    private func succeeded(_ number: Int, _ response: SendMessage.Response) {
        let isNew = sends[number].answer == nil
        let stored = world.chatRows.stored[sends[number].key]?.message
        if let broken = sends[number].succeeded(response, stored: stored) {
            simulator.violated("\(sends[number].key): \(broken)")
        }
        guard isNew else { return }
        if simulator.happens(0.2) { simulator.after(simulator.between(0, 20_000)) { self.send(number) } }
        if simulator.happens(0.1) { simulator.after(simulator.between(0, 20_000)) { self.misuse(number) } }
    }

    private func failed(_ number: Int, _ error: ServiceError, _ attempt: Int, isRepeat: Bool) {
        let isDirect = world.chatRows.chats[sends[number].request.chatID]?.kind == .direct
        if let broken = sends[number].failed(error, isDirect: isDirect, isRepeat: isRepeat) {
            simulator.violated("\(sends[number].key): \(broken)")
        }
        guard sends[number].answer == nil, sends[number].tries == attempt else { return }
        guard !error.mayHaveHappened, attempt == 1, world.isExact else {
            return simulator.after(simulator.between(50, 1_000)) { self.sendAgain(number, attempt) }
        }
        // Takes it at its word, and looks whether it was true.
        sends[number].tries += 1
        simulator.after(simulator.happens(0.3) ? 12_000 : simulator.between(50, 1_000)) {
            let stored = self.world.chatRows.stored[self.sends[number].key]
            self.simulator.check(
                stored == nil, "\(self.sends[number].key) cannot have happened, it was said (\(error)), and is stored")
            self.send(number)
        }
    }

    private func sendAgain(_ number: Int, _ attempt: Int) {
        if sends[number].answer == nil, sends[number].tries == attempt { send(number) }
    }

    /// Another content under a key that was acknowledged.
    private func misuse(_ number: Int) {
        var request = sends[number].request
        request.text += ", or something else"
        simulator.oneOf(world.edges).ask(request) { result in
            switch result {
            case .success: self.simulator.violated("\(self.sends[number].key): another content under the same key was accepted")
            case .failure(let error):
                let isRefused = error.code == .invalid && error.fields.map(\.field) == ["clientMessageId"]
                let isNoAnswer = [.unavailable, .deadlineExceeded, .unknownOutcome].contains(error.code)
                self.simulator.check(isRefused || isNoAnswer, "another content under one key is answered \(error)")
            }
        }
    }

    // MARK: Ties

    private func meddle() {
        guard isMeddling else { return }
        simulator.after(simulator.between(200, 4_000)) { self.meddle() }
        let edge = simulator.oneOf(world.edges)
        if simulator.happens(0.6) {
            edge.ask(SetBlock(userID: id, otherID: other, blocked: simulator.happens(0.5))) { _ in }
        } else {
            let step = simulator.oneOf(ChangeContact.Step.allCases)
            edge.ask(ChangeContact(userID: id, otherID: other, step: step)) { _ in }
        }
    }

    /// Again until it is done.
    func makePeace() {
        simulator.oneOf(world.edges).ask(SetBlock(userID: id, otherID: other, blocked: false)) { result in
            if case .failure = result { self.simulator.after(300) { self.makePeace() } }
        }
    }
}
