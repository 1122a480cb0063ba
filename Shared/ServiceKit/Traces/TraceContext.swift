import Tracing

/// The id of a trace: 128 bits, never zero.
package struct TraceID: Hashable, Sendable, CustomStringConvertible {
    package let high: UInt64
    package let low: UInt64

    package init?(high: UInt64, low: UInt64) {
        if high == 0 && low == 0 { return nil }
        self.high = high
        self.low = low
    }

    /// 32 lower-case hexadecimal digits.
    package var description: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(32)
        Hex.append(high, to: &bytes)
        Hex.append(low, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// The id of a span within its trace: 64 bits, never zero.
package struct SpanID: Hashable, Sendable, CustomStringConvertible {
    package let bits: UInt64

    package init?(_ bits: UInt64) {
        if bits == 0 { return nil }
        self.bits = bits
    }

    /// 16 lower-case hexadecimal digits.
    package var description: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(16)
        Hex.append(bits, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// A position in a trace, as W3C Trace Context propagates it.
package struct TraceContext: Hashable, Sendable {
    package let traceID: TraceID
    package let spanID: SpanID
    /// Whether spans of this trace are recorded.
    package let isSampled: Bool
    /// The `tracestate` of other vendors, passed on unparsed.
    package let state: String?

    package init(traceID: TraceID, spanID: SpanID, isSampled: Bool, state: String? = nil) {
        self.traceID = traceID
        self.spanID = spanID
        self.isSampled = isSampled
        self.state = state
    }

    /// Parses the headers `traceparent` and `tracestate`, version 00 or later.
    ///
    /// Returns `nil` for a header that the recommendation calls invalid; the caller starts a new trace then.
    /// Ignores a `tracestate` beyond 512 bytes.
    package init?(traceparent: String, tracestate: String? = nil) {
        var traceparent = traceparent
        guard let (traceID, spanID, flags) = traceparent.withUTF8(Self.fields) else { return nil }
        let state = tracestate.flatMap { (1...512).contains($0.utf8.count) ? $0 : nil }
        self.init(traceID: traceID, spanID: spanID, isSampled: flags & 1 == 1, state: state)
    }

    /// Parses at fixed byte positions: every call carries a header, and splitting the text took a fifth of a
    /// call.
    private static func fields(of text: UnsafeBufferPointer<UInt8>) -> (TraceID, SpanID, flags: UInt8)? {
        let dash = UInt8(ascii: "-")
        guard text.count >= 55, text.count <= 512, text[2] == dash, text[35] == dash, text[52] == dash,
            let version = Hex.value(text[0..<2], as: UInt8.self), version != 0xFF,
            let high = Hex.value(text[3..<19], as: UInt64.self), let low = Hex.value(text[19..<35], as: UInt64.self),
            let traceID = TraceID(high: high, low: low),
            let spanID = Hex.value(text[36..<52], as: UInt64.self).flatMap({ SpanID($0) }),
            let flags = Hex.value(text[53..<55], as: UInt8.self)
        else { return nil }
        // A later version may append fields; version 00 has none.
        if text.count > 55, version == 0 || text[55] != dash { return nil }
        return (traceID, spanID, flags)
    }

    /// The header `traceparent` in version 00.
    package var traceparent: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(55)
        bytes.append(contentsOf: "00-".utf8)
        Hex.append(traceID.high, to: &bytes)
        Hex.append(traceID.low, to: &bytes)
        bytes.append(UInt8(ascii: "-"))
        Hex.append(spanID.bits, to: &bytes)
        bytes.append(contentsOf: (isSampled ? "-01" : "-00").utf8)
        return String(decoding: bytes, as: UTF8.self)
    }
}

private enum TraceKey: ServiceContextKey { typealias Value = TraceContext }
private enum RequestIDKey: ServiceContextKey { typealias Value = String }
private enum UserIDKey: ServiceContextKey { typealias Value = String }

extension InstrumentationContext {
    /// The current span of this context.
    package var trace: TraceContext? {
        get { self[TraceKey.self] }
        set { self[TraceKey.self] = newValue }
    }

    /// The id of the public request that caused this work. Logged in every line, and propagated with the
    /// trace.
    package var requestID: String? {
        get { self[RequestIDKey.self] }
        set { self[RequestIDKey.self] = newValue }
    }

    /// The authenticated user of this work. Logged in every line, and not propagated.
    package var userID: String? {
        get { self[UserIDKey.self] }
        set { self[UserIDKey.self] = newValue }
    }
}
