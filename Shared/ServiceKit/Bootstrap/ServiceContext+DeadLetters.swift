import Bus
import Contracts

extension ServiceContext {
    /// Runs `<service> dead-letters …`.
    ///
    /// - Returns: the text to print.
    func run(_ command: DeadLetterCommand) async throws -> String {
        let letters = DeadLetters(try rabbitmqEndpoint(), of: ServiceName(rawValue: service))
        switch command {
        case .list(let limit): return Self.table(of: try await letters.list(limit: limit))
        case .replay(let selection):
            return "\(try await letters.replay(DeadLetters.Selection(selection))) given back to their queues"
        case .drop(let selection): return "\(try await letters.drop(DeadLetters.Selection(selection))) dropped"
        }
    }

    /// Returns a header and one line per letter, with fields separated by tabs.
    private static func table(of letters: [DeadLetter]) -> String {
        let lines = letters.map { letter in
            [letter.id, letter.type, letter.queue, letter.time?.description ?? "-", "\(letter.bytes)", letter.reason].map(oneLine)
                .joined(separator: "\t")
        }
        return (["id\ttype\tqueue\ttime\tbytes\treason"] + lines).joined(separator: "\n")
    }

    /// Replaces control characters, since any service may have written the reason.
    private static func oneLine(_ text: String) -> String {
        String(text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : Character($0) })
    }
}

extension DeadLetters.Selection {
    fileprivate init(_ selection: DeadLetterSelection) {
        switch selection {
        case .all: self = .all
        case .ids(let ids): self = .events(Set(ids))
        }
    }
}
