#pragma once
#include <libpq-fe.h>

// Fields of an error report: character macros of libpq, which Swift does not import as the integers that PQresultErrorField takes.
static inline int martlet_pg_diag_severity(void) { return PG_DIAG_SEVERITY_NONLOCALIZED; }
static inline int martlet_pg_diag_sqlstate(void) { return PG_DIAG_SQLSTATE; }
static inline int martlet_pg_diag_message(void) { return PG_DIAG_MESSAGE_PRIMARY; }
static inline int martlet_pg_diag_detail(void) { return PG_DIAG_MESSAGE_DETAIL; }
static inline int martlet_pg_diag_hint(void) { return PG_DIAG_MESSAGE_HINT; }
static inline int martlet_pg_diag_position(void) { return PG_DIAG_STATEMENT_POSITION; }
static inline int martlet_pg_diag_schema(void) { return PG_DIAG_SCHEMA_NAME; }
static inline int martlet_pg_diag_table(void) { return PG_DIAG_TABLE_NAME; }
static inline int martlet_pg_diag_column(void) { return PG_DIAG_COLUMN_NAME; }
static inline int martlet_pg_diag_constraint(void) { return PG_DIAG_CONSTRAINT_NAME; }

// Notices go nowhere; libpq's default prints them to stderr.
static inline void martlet_pg_ignore_notice(void *context, const PGresult *notice) { (void)context; (void)notice; }
static inline void martlet_pg_ignore_notices(PGconn *connection) { PQsetNoticeReceiver(connection, martlet_pg_ignore_notice, 0); }
