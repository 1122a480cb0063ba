/// What processes of Martlet tell each other while they live, such as that a cached value has changed. Of no interest to integrations, which do not hear it.
public protocol Notice: Event {}

extension Notice {
    public var subject: String? { nil }
}
