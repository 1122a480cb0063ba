import Foundation

extension String {
    /// In Normalization Form C: an é is one, whether it was sent as one scalar or as two.
    var composed: String { precomposedStringWithCanonicalMapping }
}
