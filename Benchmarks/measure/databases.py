"""Postgres and Redis through Martlet's client libraries, beside pgbench and redis-benchmark."""
from measure.figures import GETS, PAGES, ROWS
from measure.programs import HERE

DATABASE = "bench"
FIGURES = [PAGES, ROWS, GETS]


def measure(run):
    if run.wants(PAGES, ROWS):
        run.stack.sql("postgres", f"CREATE DATABASE {DATABASE}")
        run.stack.sql(DATABASE, file=HERE / "baselines/tables.sql")
    if run.wants(PAGES):
        rates = run.alternate(
            "20-row pages/s",
            martlet=lambda: postgres_rate(run, "pages"), pgbench=lambda: run.programs.pgbench("page.sql", run.seconds))
        run.record(PAGES, rates["martlet"], rates["pgbench"])
    if run.wants(ROWS):
        rates = run.alternate("rows/s committed", martlet=lambda: row_rate(run), pgbench=lambda: row_baseline(run))
        run.record(ROWS, rates["martlet"], rates["pgbench"])
    if run.wants(GETS):
        measure_gets(run)


def postgres_rate(run, command):
    superuser = run.stack.postgres()
    return run.programs.bench(
        "chats", command, 64, run.seconds, MARTLET_POSTGRES_DATABASE=DATABASE, MARTLET_POSTGRES_USER=superuser["PGUSER"],
        MARTLET_POSTGRES_PASSWORD=superuser["PGPASSWORD"])["rate"]


def row_rate(run):
    run.stack.sql(DATABASE, "TRUNCATE stored")
    return postgres_rate(run, "rows")


def row_baseline(run):
    run.stack.sql(DATABASE, "TRUNCATE stored")
    return run.programs.pgbench("row.sql", run.seconds)


def measure_gets(run):
    programs, password = run.programs, run.stack.secret("redis.operator")
    programs.redis_benchmark("set", 50_000)  # gives every key a value
    requests = 100_000 * run.seconds
    rates = run.alternate(
        "GET/s",
        martlet=lambda: programs.bench(
            "chats", "gets", 64, run.seconds, MARTLET_REDIS_USER="operator", MARTLET_REDIS_PASSWORD=password)["rate"],
        redis_benchmark=lambda: programs.redis_benchmark("get", requests))
    run.record(GETS, rates["martlet"], rates["redis_benchmark"])
