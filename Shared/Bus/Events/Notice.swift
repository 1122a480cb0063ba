import Contracts

/// What processes of Martlet tell each other while they live, such as that a cached value has changed. Of no interest to integrations, which do not hear it.
package protocol Notice: Event {}

extension Notice {
    package var subject: String? { nil }
}
