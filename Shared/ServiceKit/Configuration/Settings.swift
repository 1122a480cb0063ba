import Configuration
import Foundation

/// The settings of a process: environment variables `MARTLET_*`, then an optional JSON file.
///
/// The variable `MARTLET_CONFIG_FILE` names the file. The first provider that has a value wins. An empty
/// value counts as unset. ``adding(_:first:)`` adds a provider for values that change at run time.
package struct Settings: Sendable {
    private let providers: [any ConfigProvider]
    private let environment: [String: String]

    /// - Parameter providers: in order of precedence. A provider of environment variables must use the prefix
    ///   `martlet`.
    package init(providers: [any ConfigProvider]) {
        self.providers = providers
        environment = [:]
    }

    private init(providers: [any ConfigProvider], environment: [String: String]) {
        self.providers = providers
        self.environment = environment
    }

    /// Loads the settings of an environment and of the file that it names.
    package static func load(environment: [String: String] = ProcessInfo.processInfo.environment) async throws(ConfigurationError)
        -> Settings
    {
        let variables = EnvironmentVariablesProvider(
            environmentVariables: environment, secretsSpecifier: .dynamic { key, _ in isSecret(key) })
        var providers: [any ConfigProvider] = [variables.prefixKeys(with: "martlet")]
        if let path = environment[fileVariable], !path.isEmpty { providers.append(try await file(at: path)) }
        return Settings(providers: providers, environment: environment)
    }

    /// Returns these settings with a further provider, of lowest or, with `first`, of highest precedence.
    package func adding(_ provider: any ConfigProvider, first: Bool = false) -> Settings {
        Settings(providers: first ? [provider] + providers : providers + [provider], environment: environment)
    }

    /// Returns the value of a setting, or its default.
    ///
    /// - Throws: an error for an invalid value, or when there is neither a value nor a default.
    package func value<Value>(_ setting: Setting<Value>) throws(ConfigurationError) -> Value {
        if let value = try optional(setting) ?? setting.fallback { return value }
        throw ConfigurationError("\(setting.variable) is missing; set it to \(setting.expectation) (\(setting.summary))")
    }

    /// Returns the value of a setting; `nil` when it is unset, even with a default.
    ///
    /// - Throws: an error for an invalid value.
    package func optional<Value>(_ setting: Setting<Value>) throws(ConfigurationError) -> Value? {
        guard let found = try found(setting) else { return nil }
        if let value = setting.parse(found.text) { return value }
        throw error(for: setting, found: setting.isSecret ? "invalid" : "\"\(found.text.prefix(100))\"", in: found.provider)
    }

    /// Returns the variables `MARTLET_*` that name no setting in `known`, and so are probably misspelt.
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

    /// Returns the value of a setting as text, from any simple type, and its provider.
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
                    // The provider has the key with another type.
                    hasAnotherType = true
                    continue
                }
                hasAnotherType = false
                break
            }
            if hasAnotherType { throw error(for: setting, found: "neither text nor a number", in: provider) }
        }
        return nil
    }

    private func error<Value>(for setting: Setting<Value>, found: String, in provider: any ConfigProvider)
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

/// An invalid or missing setting. The description names the variable and what to set it to.
package struct ConfigurationError: Error, CustomStringConvertible, Equatable {
    package let description: String
    package init(_ description: String) { self.description = description }
}
