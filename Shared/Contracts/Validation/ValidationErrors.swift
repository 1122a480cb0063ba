/// The rule that a value breaks, in words for its sender: "must have 1 to 64 characters".
package struct ValidationError: Error, Equatable {
    package let message: String
    package init(_ message: String) { self.message = message }
}

/// Collects the invalid fields of a request, so that its sender learns all of them at once.
package struct ValidationErrors {
    package private(set) var fields: [ServiceError.Field] = []

    package init() {}

    /// Returns the value, or `nil` after recording its error.
    ///
    /// - Parameter field: the name on the wire, `displayName` for example.
    @discardableResult
    package mutating func check<Value>(_ field: String, _ value: @autoclosure () throws(ValidationError) -> Value) -> Value? {
        do throws(ValidationError) {
            return try value()
        } catch {
            add(field, error.message)
            return nil
        }
    }

    package mutating func add(_ field: String, _ message: String) { fields.append(ServiceError.Field(field, message)) }

    /// `invalid` with all recorded fields.
    package var error: ServiceError {
        ServiceError(.invalid, fields.map { "\($0.field): \($0.message)" }.joined(separator: "; "), fields: fields)
    }

    /// Throws ``error`` if a field is invalid.
    package func throwIfAny() throws(ServiceError) {
        if !fields.isEmpty { throw error }
    }
}

/// Returns the value of a single field.
///
/// - Throws: `invalid` with `field`, the name on the wire.
package func validated<Value>(
    _ field: String, _ value: @autoclosure () throws(ValidationError) -> Value
) throws(ServiceError) -> Value {
    do throws(ValidationError) {
        return try value()
    } catch {
        throw .invalid(field, error.message)
    }
}

extension String {
    /// Returns the text itself if it has as many characters (Unicode scalars) as `length` allows and none of
    /// them is U+0000.
    package func validated(length: ClosedRange<Int>) throws(ValidationError) -> String {
        // A scalar has at most four bytes: a far longer text is refused without counting its scalars.
        guard utf8.count <= 4 * length.upperBound, length.contains(unicodeScalars.count) else {
            throw ValidationError("must have \(length.lowerBound) to \(length.upperBound) characters")
        }
        guard !utf8.contains(0) else { throw ValidationError("must not contain U+0000") }
        return self
    }
}
