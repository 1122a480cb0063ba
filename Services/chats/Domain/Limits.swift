import Contracts

/// How much of everything there may be, and the checks of single fields. Characters are Unicode scalars.
enum Limits {
    static let text = 1...8_000
    static let title = 1...200
    static let clientMessageID = 1...64
    static let idempotencyKey = 1...128
    static let page = 1...100
    /// The creator among them.
    static let groupMembers = 1_000

    /// - Returns: what is wrong with `text` for people, or `nil`.
    static func complaint(about text: String, _ length: ClosedRange<Int>) -> String? {
        if text.unicodeScalars.contains("\0") { return "must not contain U+0000" }
        // Cheap for what is far too long: a scalar takes at most four bytes.
        if text.utf8.count > 4 * length.upperBound || !length.contains(text.unicodeScalars.count) {
            return "must have \(length.lowerBound) to \(length.upperBound) characters"
        }
        return nil
    }

    /// - Throws: `invalid` unless `limit` is 1–100.
    static func check(limit: Int) throws(ServiceError) {
        guard page.contains(limit) else { throw .invalid("limit", "must be 1 to 100") }
    }
}

/// Collects what is wrong with a request, so that its sender learns all of it at once.
struct Complaints {
    private var fields: [ServiceError.Field] = []

    mutating func add(_ field: String, _ message: String?) {
        if let message { fields.append(.init(field, message)) }
    }

    /// - Throws: `invalid` with every field that was complained about.
    func check() throws(ServiceError) {
        if fields.isEmpty { return }
        let text = fields.map { "\($0.field): \($0.message)" }.joined(separator: "; ")
        throw ServiceError(.invalid, text, fields: fields)
    }
}
