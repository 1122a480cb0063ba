import Bus
import Contracts
import Foundation

extension Kit {
    /// Does what `<service> dead-letters …` asks, and prints the outcome.
    package func deadLetters(_ command: DeadLetterCommand) async throws {
        let letters = DeadLetters(try rabbitmqEndpoint(), of: ServiceName(rawValue: service))
        switch command {
        case .list(let limit):
            let found = try await letters.list(limit: limit)
            for letter in found { tell("\(letter.id)  \(letter.type)  \(letter.queue)  \(letter.bytes) bytes  \(letter.reason)") }
            if found.isEmpty { tell("there are no dead letters") }
        case .replay(let selection): tell("replayed: \(try await letters.replay(DeadLetters.Selection(selection)))")
        case .drop(let selection): tell("dropped: \(try await letters.drop(DeadLetters.Selection(selection)))")
        }
    }

    private func tell(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }
}

extension DeadLetters.Selection {
    fileprivate init(_ selection: DeadLetterSelection) {
        switch selection {
        case .all: self = .all
        case .ids(let ids): self = .events(Set(ids))
        }
    }
}
