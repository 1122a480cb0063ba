/// The properties that travel with a message. Texts are at most 255 bytes of UTF-8.
package struct AMQPProperties: Hashable, Sendable {
    package enum DeliveryMode: UInt8, Sendable { case transient = 1, persistent = 2 }

    package var contentType: String?
    package var contentEncoding: String?
    package var headers = AMQPTable()
    package var deliveryMode = DeliveryMode.transient
    package var priority: UInt8?
    package var correlationID: String?
    package var replyTo: String?
    /// Milliseconds until the broker may drop it, counted in each queue.
    package var expiration: Int64?
    package var messageID: String?
    /// Seconds since the Unix epoch.
    package var timestamp: UInt64?
    package var type: String?
    /// The broker refuses a message whose user is not the connection's, so a receiver may trust it.
    package var userID: String?
    package var appID: String?

    package init() {}
}
