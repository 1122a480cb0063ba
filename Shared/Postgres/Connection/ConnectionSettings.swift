extension PostgresConfiguration {
    /// The connection parameters, as keywords and values for libpq.
    func settings(direct: Bool) -> [(String, String)] {
        let address = direct ? directAddress ?? address : address
        var settings = [
            ("host", address.host), ("port", "\(address.port)"), ("dbname", database), ("user", user), ("password", password),
            ("application_name", applicationName), ("client_encoding", "UTF8"), ("gssencmode", "disable"),
            ("connect_timeout", "\(max(2, connectTimeout.components.seconds))"),
            ("keepalives", "1"), ("keepalives_idle", "30"), ("keepalives_interval", "5"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "15000"),
        ]
        switch tls {
        case .off: settings.append(("sslmode", "disable"))
        case .unverified: settings.append(("sslmode", "require"))
        case .verified(let authorities): settings += [("sslmode", "verify-full"), ("sslrootcert", authorities)]
        case .verifiedAuthority(let authorities): settings += [("sslmode", "verify-ca"), ("sslrootcert", authorities)]
        }
        if namedStatements || direct { settings.append(("options", options(direct: direct))) }
        return settings
    }

    /// The session settings, as command-line options of the server.
    private func options(direct: Bool) -> String {
        var options: [String] = []
        if !direct {
            options.append("-c statement_timeout=\(statementTimeout.milliseconds)")
            options.append("-c idle_in_transaction_session_timeout=\(idleInTransactionTimeout.milliseconds)")
        }
        if let schema {
            let escaped = schema.replacing("\\", with: "\\\\").replacing(" ", with: "\\ ")
            options.append("-c search_path=\(escaped)")
        }
        return options.joined(separator: " ")
    }
}

extension Duration {
    /// Whole milliseconds, rounded towards zero.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000 + attoseconds / 1_000_000_000_000_000
    }
}
