import Contracts
import Postgres

/// As ranges.
extension PartitionSet: PostgresRepresentable {
    package var postgresValue: String { description }
    package init(postgresValue: String) throws(PostgresError) {
        guard let set = PartitionSet(postgresValue) else {
            throw PostgresError(.unexpectedResult, "what is stored is no set of partitions")
        }
        self = set
    }
}
