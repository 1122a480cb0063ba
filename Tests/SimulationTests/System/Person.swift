import Contracts

@testable import Chats

/// A user with a client: sends messages, repeats sends without an answer and sometimes those with one, and
/// changes blocks and contacts.
final class Person {
    let id: UserID
    private(set) var sends: [SimulatedSend] = []
    private unowned let system: SimulatedSystem
    private let chats: [ChatID]
    /// The other member of the direct chat.
    private let other: UserID
    private var isWriting = true
    private var isChangingContacts = true
    private var simulator: Simulator { system.simulator }

    init(_ id: UserID, in chats: [ChatID], other: UserID, system: SimulatedSystem) {
        self.id = id
        self.chats = chats
        self.other = other
        self.system = system
    }

    func begin() {
        write()
        changeContacts()
    }

    func stopWriting() { isWriting = false }
    func stopChangingContacts() { isChangingContacts = false }

    // MARK: Sends

    private func write() {
        guard isWriting else { return }
        simulator.after(simulator.between(20, 2_000)) { self.write() }
        let (number, chat) = (sends.count, simulator.oneOf(chats))
        let request = SendMessage(
            senderID: id, chatID: chat, clientMessageID: .init(rawValue: "\(id)-\(number)"), text: "\(id) says \(number)")
        sends.append(SimulatedSend(request, at: simulator.now))
        send(number)
    }

    /// Sends a message, and repeats it under its key if no answer arrives, possibly through the other edge
    /// and while the first attempt is still in flight.
    private func send(_ number: Int) {
        sends[number].tries += 1
        let (send, attempt) = (sends[number], sends[number].tries)
        simulator.after(6_000) {
            if self.sends[number].answer == nil, self.sends[number].tries == attempt { self.send(number) }
        }
        simulator.oneOf(system.edges).call(send.request) { result in
            switch result {
            case .success(let response): self.succeeded(number, response)
            case .failure(let error): self.failed(number, error, attempt: attempt, isRepeat: send.answer != nil)
            }
        }
    }

    private func succeeded(_ number: Int, _ response: SendMessage.Response) {
        let isNew = sends[number].answer == nil
        let stored = system.chatRows.stored[sends[number].key]?.message
        if let broken = sends[number].succeeded(response, stored: stored) {
            simulator.violated("\(sends[number].key): \(broken)")
        }
        guard isNew else { return }
        if simulator.happens(0.2) { simulator.after(simulator.between(0, 20_000)) { self.send(number) } }
        if simulator.happens(0.1) { simulator.after(simulator.between(0, 20_000)) { self.misuse(number) } }
    }

    private func failed(_ number: Int, _ error: ServiceError, attempt: Int, isRepeat: Bool) {
        let isDirect = system.chatRows.chats[sends[number].request.chatID]?.kind == .direct
        if let broken = sends[number].failed(error, isDirect: isDirect, isRepeat: isRepeat) {
            simulator.violated("\(sends[number].key): \(broken)")
        }
        guard sends[number].answer == nil, sends[number].tries == attempt else { return }
        guard !error.mayHaveHappened, attempt == 1, system.isExact else {
            return simulator.after(simulator.between(50, 1_000)) { self.sendAgain(number, attempt) }
        }
        // The error says that nothing was stored. Checks that before the next attempt.
        sends[number].tries += 1
        simulator.after(simulator.happens(0.3) ? 12_000 : simulator.between(50, 1_000)) {
            let stored = self.system.chatRows.stored[self.sends[number].key]
            self.simulator.check(
                stored == nil, "\(self.sends[number].key) is stored although its error excludes that: \(error)")
            self.send(number)
        }
    }

    private func sendAgain(_ number: Int, _ attempt: Int) {
        if sends[number].answer == nil, sends[number].tries == attempt { send(number) }
    }

    /// Sends different content under an acknowledged key.
    private func misuse(_ number: Int) {
        var request = sends[number].request
        request.text += ", or something else"
        simulator.oneOf(system.edges).call(request) { result in
            switch result {
            case .success: self.simulator.violated("\(self.sends[number].key): different content under the same key was accepted")
            case .failure(let error):
                let isRefused = error.code == .invalid && error.fields.map(\.field) == ["clientMessageId"]
                let isNoAnswer = [.unavailable, .deadlineExceeded, .unknownOutcome].contains(error.code)
                self.simulator.check(isRefused || isNoAnswer, "different content under one key is answered with \(error)")
            }
        }
    }

    // MARK: Contacts

    private func changeContacts() {
        guard isChangingContacts else { return }
        simulator.after(simulator.between(200, 4_000)) { self.changeContacts() }
        let edge = simulator.oneOf(system.edges)
        if simulator.happens(0.6) {
            edge.call(SetBlock(userID: id, otherID: other, blocked: simulator.happens(0.5))) { _ in }
        } else {
            let step = simulator.oneOf(ChangeContact.Step.allCases)
            edge.call(ChangeContact(userID: id, otherID: other, step: step)) { _ in }
        }
    }

    /// Ends the block of the other user. Repeats until it succeeds.
    func unblock() {
        simulator.oneOf(system.edges).call(SetBlock(userID: id, otherID: other, blocked: false)) { result in
            if case .failure = result { self.simulator.after(300) { self.unblock() } }
        }
    }
}
