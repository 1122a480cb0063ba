/// Converts labels of swift-metrics to valid Prometheus names.
enum PrometheusName {
    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`. Other characters, usually dots, become `_`.
    static func metric(_ label: String) -> String { sanitised(label, allowColon: true) }

    /// `[a-zA-Z_][a-zA-Z0-9_]*`. The names `le` and `quantile` and the prefix `__` are reserved.
    static func label(_ name: String) -> String {
        var name = sanitised(name, allowColon: false)
        while name.hasPrefix("__") { name.removeFirst() }
        return name == "le" || name == "quantile" ? "_" + name : name
    }

    static func counter(_ label: String) -> String { suffixed(metric(label), "_total") }
    static func timer(_ label: String) -> String { suffixed(metric(label), "_seconds") }

    private static func suffixed(_ name: String, _ suffix: String) -> String { name.hasSuffix(suffix) ? name : name + suffix }

    private static func sanitised(_ text: String, allowColon: Bool) -> String {
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"):
                bytes.append(byte)
            case UInt8(ascii: ":") where allowColon: bytes.append(byte)
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                if bytes.isEmpty { bytes.append(UInt8(ascii: "_")) }
                bytes.append(byte)
            default: bytes.append(UInt8(ascii: "_"))
            }
        }
        return bytes.isEmpty ? "_" : String(decoding: bytes, as: UTF8.self)
    }
}

/// The labels that identify a series of a metric, sorted by name.
struct PrometheusLabels: Hashable, Sendable {
    /// The text between the braces, such as `code="200",route="/v1/me"`; empty without labels.
    let rendered: String

    init(_ dimensions: [(String, String)]) {
        if dimensions.isEmpty {
            rendered = ""
            return
        }
        // Names must be unique. Of two that are equal, also after conversion, the last value counts.
        var values: [String: String] = [:]
        for (name, value) in dimensions { values[PrometheusName.label(name)] = value }
        rendered = values.sorted { $0.key < $1.key }.map { "\($0.key)=\"\(Self.escaped($0.value))\"" }.joined(separator: ",")
    }

    /// Label values escape backslash, line feed and double quote.
    private static func escaped(_ value: String) -> String {
        if !value.utf8.contains(where: { $0 == UInt8(ascii: "\\") || $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\"") }) {
            return value
        }
        var text = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\"": text += "\\\""
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
