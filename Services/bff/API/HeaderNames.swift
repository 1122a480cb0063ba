import HTTPTypes

extension HTTPField.Name {
    static let requestID = HTTPField.Name("X-Request-ID").unsafelyUnwrapped
    static let idempotencyKey = HTTPField.Name("Idempotency-Key").unsafelyUnwrapped
}
