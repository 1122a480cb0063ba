/// A Postgres type, identified by its object id, which is the same in every installation.
package struct PostgresType: Hashable, Sendable {
    package let id: UInt32
    /// The object id of the array type; 0 for types that are not sent in arrays.
    package let arrayID: UInt32

    package init(id: UInt32, arrayID: UInt32) {
        self.id = id
        self.arrayID = arrayID
    }

    package static let bool = PostgresType(id: 16, arrayID: 1000)
    package static let bytea = PostgresType(id: 17, arrayID: 1001)
    package static let bigint = PostgresType(id: 20, arrayID: 1016)
    package static let smallint = PostgresType(id: 21, arrayID: 1005)
    package static let integer = PostgresType(id: 23, arrayID: 1007)
    package static let text = PostgresType(id: 25, arrayID: 1009)
    package static let json = PostgresType(id: 114, arrayID: 199)
    package static let real = PostgresType(id: 700, arrayID: 1021)
    package static let double = PostgresType(id: 701, arrayID: 1022)
    package static let timestamptz = PostgresType(id: 1184, arrayID: 1185)
    package static let uuid = PostgresType(id: 2950, arrayID: 2951)
    package static let jsonb = PostgresType(id: 3802, arrayID: 3807)

    /// Returns the name of a type for error messages.
    static func name(of id: UInt32) -> String { names[id] ?? "type \(id)" }

    private static let names: [UInt32: String] = [
        16: "boolean", 17: "bytea", 19: "name", 20: "bigint", 21: "smallint", 23: "integer", 25: "text", 114: "json", 700: "real",
        701: "double precision", 1042: "character", 1043: "varchar", 1082: "date", 1114: "timestamp without time zone",
        1184: "timestamptz", 1186: "interval", 1700: "numeric", 2278: "void", 2950: "uuid", 3802: "jsonb",
        1000: "boolean[]", 1001: "bytea[]", 1005: "smallint[]", 1007: "integer[]", 1009: "text[]", 1015: "varchar[]",
        1016: "bigint[]", 1022: "double precision[]", 1185: "timestamptz[]", 2951: "uuid[]", 3807: "jsonb[]",
    ]
}
