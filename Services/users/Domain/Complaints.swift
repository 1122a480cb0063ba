import Contracts

/// Why a value is not one of its kind, in words for the person who sent it.
struct Complaint: Error, Equatable {
    let message: String
    init(_ message: String) { self.message = message }
}

/// Collects what is wrong with a request, so that a person hears all of it at once.
struct Complaints {
    private(set) var fields: [ServiceError.Field] = []

    /// The value that `make` makes, or `nil` and a complaint about `field`, named as the wire has it.
    mutating func take<Value>(_ field: String, _ make: () throws(Complaint) -> Value) -> Value? {
        do throws(Complaint) {
            return try make()
        } catch {
            fields.append(ServiceError.Field(field, error.message))
            return nil
        }
    }

    var error: ServiceError {
        ServiceError(.invalid, fields.map { "\($0.field): \($0.message)" }.joined(separator: "; "), fields: fields)
    }
}

/// One value, or `invalid` with its field.
func checked<Value>(_ field: String, _ make: () throws(Complaint) -> Value) throws(ServiceError) -> Value {
    do throws(Complaint) {
        return try make()
    } catch {
        throw .invalid(field, error.message)
    }
}

extension String {
    /// - Throws: ``Complaint`` unless there are as many Unicode scalars as `length` allows and U+0000 is not among them.
    func bounded(_ length: ClosedRange<Int>) throws(Complaint) -> String {
        // Bytes first: a scalar has at most four, and counting the scalars of a huge text is work for nothing.
        guard utf8.count <= 4 * length.upperBound, length.contains(unicodeScalars.count) else {
            throw Complaint("must have \(length.lowerBound) to \(length.upperBound) characters")
        }
        guard !utf8.contains(0) else { throw Complaint("must not contain U+0000") }
        return self
    }
}
