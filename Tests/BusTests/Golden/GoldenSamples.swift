import Contracts
import TestSupport

/// Messages of procedures as some released version put them on the bus, in hexadecimal. They stay for as long
/// as an instance of that version may run beside a newer one: add samples for what a version adds, and never
/// change one.
struct GoldenSample: Sendable, CustomStringConvertible {
    enum Kind: String, Sendable { case request, response, error }

    /// Of the procedure; `ServiceError` for the errors of all.
    let name: String
    let kind: Kind
    let bytes: [UInt8]

    var description: String { "\(name) \(kind.rawValue)" }

    static let all = [errors, idgen, users, chats, config, routing].flatMap(parse)

    /// A sample begins with name and kind; the hexadecimal words after them belong to it.
    private static func parse(_ text: String) -> [GoldenSample] {
        var (samples, name, kind, digits) = ([GoldenSample](), "", Kind?.none, "")
        func end() {
            if let kind { samples.append(GoldenSample(name: name, kind: kind, bytes: [UInt8](hex: digits))) }
        }
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            if words.count == 2, let begun = Kind(rawValue: words[1]) {
                end()
                (name, kind, digits) = (words[0], begun, "")
            } else {
                digits += words.joined()
            }
        }
        end()
        return samples
    }
}
