import Configuration
import Foundation

/// What is set from outside: environment variables `MARTLET_*` over an optional JSON file named by `MARTLET_CONFIG_FILE`.
///
/// Providers are asked in order, and the first that has a value wins; one more, for values that change while we run, goes where it belongs in that order.
/// An empty value counts as none.
package struct Settings: Sendable {
    private let providers: [any ConfigProvider]
    private let environment: [String: String]

    /// - Parameter providers: asked in this order. A provider of environment variables must answer keys with the prefix `martlet`.
    package init(providers: [any ConfigProvider]) {
        self.providers = providers
        environment = [:]
    }

    private init(providers: [any ConfigProvider], environment: [String: String]) {
        (self.providers, self.environment) = (providers, environment)
    }

    /// Reads the environment and the file that it names.
    package static func load(environment: [String: String] = ProcessInfo.processInfo.environment) async throws(ConfigurationError)
        -> Settings
    {
        let variables = EnvironmentVariablesProvider(
            environmentVariables: environment, secretsSpecifier: .dynamic { key, _ in isSecret(key) })
        var providers: [any ConfigProvider] = [variables.prefixKeys(with: "martlet")]
        if let path = environment[fileVariable], !path.isEmpty { providers.append(try await file(at: path)) }
        return Settings(providers: providers, environment: environment)
    }

    /// These settings with one more provider behind the others, or in front of them.
    package func adding(_ provider: any ConfigProvider, first: Bool = false) -> Settings {
        Settings(providers: first ? [provider] + providers : providers + [provider], environment: environment)
    }

    /// What is set, or else its default.
    /// - Throws: when it is set to something unacceptable, or is neither set nor has a default.
    package func value<Value>(_ setting: Setting<Value>) throws(ConfigurationError) -> Value {
        if let value = try optional(setting) ?? setting.fallback { return value }
        throw ConfigurationError("\(setting.variable) is missing; set it to \(setting.expectation) (\(setting.summary))")
    }

    /// What is set, and `nil` otherwise, whatever the default.
    /// - Throws: when it is set to something unacceptable.
    package func optional<Value>(_ setting: Setting<Value>) throws(ConfigurationError) -> Value? {
        guard let found = try found(setting) else { return nil }
        if let value = setting.parse(found.text) { return value }
        throw refusal(of: setting, setting.isSecret ? "not acceptable" : "\"\(found.text.prefix(100))\"", in: found.provider)
    }

    /// Variables `MARTLET_*` that name none of `known`: most likely misspelt.
    package func unknownVariables(known: [SettingDescription]) -> [String] {
        let names = Set(known.map(\.variable) + [Self.fileVariable])
        return environment.keys.filter { $0.hasPrefix("MARTLET_") && !$0.hasPrefix("MARTLET_TEST_") && !names.contains($0) }
            .sorted()
    }

    static let fileVariable = "MARTLET_CONFIG_FILE"

    static func variable(for key: String) -> String {
        var variable = "MARTLET_"
        for character in key {
            if character == "." {
                variable.append("_")
            } else if character.isUppercase {
                variable.append("_\(character)")
            } else {
                variable.append(contentsOf: character.uppercased())
            }
        }
        return variable
    }

    /// A value of any simple type, as text, and who has it.
    private func found<Value>(_ setting: Setting<Value>) throws(ConfigurationError) -> (
        text: String, provider: any ConfigProvider
    )? {
        let key = AbsoluteConfigKey(setting.key.split(separator: ".").map(String.init))
        for provider in providers {
            var hasAnotherType = false
            for type in [ConfigType.string, .int, .double, .bool] {
                do {
                    guard let value = try provider.value(forKey: key, type: type).value else { continue }
                    let text = Self.text(value.content)
                    if !text.isEmpty { return (text, provider) }
                } catch {
                    // It has the key with another type: the next one may fit.
                    hasAnotherType = true
                    continue
                }
                hasAnotherType = false
                break
            }
            if hasAnotherType { throw refusal(of: setting, "neither text nor a number", in: provider) }
        }
        return nil
    }

    private func refusal<Value>(of setting: Setting<Value>, _ found: String, in provider: any ConfigProvider)
        -> ConfigurationError
    {
        let place = provider is FileProvider<JSONSnapshot> ? " (\(setting.key) in the configuration file)" : ""
        return ConfigurationError(
            "\(setting.variable)\(place) is \(found); it must be \(setting.expectation) (\(setting.summary))")
    }

    private static func text(_ content: ConfigContent) -> String {
        switch content {
        case .string(let text): text
        case .int(let number): "\(number)"
        case .double(let number): "\(number)"
        case .bool(let flag): "\(flag)"
        default: ""
        }
    }

    private static func file(at path: String) async throws(ConfigurationError) -> FileProvider<JSONSnapshot> {
        let options = JSONSnapshot.ParsingOptions(secretsSpecifier: .dynamic { key, _ in isSecret(key.uppercased()) })
        let place = ConfigReader(provider: InMemoryProvider(values: ["filePath": ConfigValue(.string(path), isSecret: false)]))
        do {
            return try await FileProvider(snapshotType: JSONSnapshot.self, parsingOptions: options, config: place)
        } catch {
            throw ConfigurationError("\(fileVariable) names \(path), which cannot be read as a JSON object: \(error)")
        }
    }

    private static func isSecret(_ key: String) -> Bool {
        ["PASSWORD", "SECRET", "TOKEN"].contains { key.contains($0) }
    }
}

/// Something is set wrongly, said so that whoever reads it knows which variable to change and to what.
package struct ConfigurationError: Error, CustomStringConvertible, Equatable {
    package let description: String
    package init(_ description: String) { self.description = description }
}
