import Contracts

/// The name that other users see: 1–64 characters on one line, at least one of them visible.
struct DisplayName: Hashable {
    let text: String

    init(_ text: String) throws(ValidationError) {
        self.text = try text.validated(length: 1...64)
        guard !text.unicodeScalars.contains(where: \.breaksLines) else {
            throw ValidationError("must not have control characters")
        }
        guard text.unicodeScalars.contains(where: \.isVisible) else { throw ValidationError("must not be blank") }
    }
}

extension Unicode.Scalar {
    /// Whether the character is a control character or begins another line.
    fileprivate var breaksLines: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }

    /// Whether the character has a glyph of its own: no space, no format character, and no blank letter such
    /// as the Hangul fillers.
    fileprivate var isVisible: Bool {
        switch properties.generalCategory {
        case .control, .format, .unassigned, .surrogate, .spaceSeparator, .lineSeparator, .paragraphSeparator: false
        default: !properties.isDefaultIgnorableCodePoint && self != "\u{2800}"  // BRAILLE PATTERN BLANK
        }
    }
}
