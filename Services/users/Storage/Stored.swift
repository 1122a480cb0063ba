import Contracts
import Postgres

extension PasswordHash: PostgresValue {}
extension Role: PostgresValue {}
