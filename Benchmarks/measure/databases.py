"""Postgres and Redis through our own faces, beside the servers' own programs."""
from measure.programs import HERE
from measure.figures import GETS, PAGES, ROWS

DATABASE = "bench"
FIGURES = [PAGES, ROWS, GETS]


def measure(run):
    if run.wants(PAGES, ROWS):
        run.stack.sql("postgres", f"CREATE DATABASE {DATABASE}")
        run.stack.sql(DATABASE, file=HERE / "baselines/tables.sql")
    if run.wants(PAGES):
        rates = run.take_turns(
            "20-row pages/s", ours=lambda: postgres(run, "pages"), pgbench=lambda: run.programs.pgbench("page.sql", run.seconds))
        run.note(PAGES, rates["ours"], rates["pgbench"])
    if run.wants(ROWS):
        rates = run.take_turns("rows/s committed", ours=lambda: rows(run), pgbench=lambda: row_floor(run))
        run.note(ROWS, rates["ours"], rates["pgbench"])
    if run.wants(GETS):
        gets(run)


def postgres(run, command):
    superuser = run.stack.postgres()
    return run.programs.bench(
        "chats", command, 64, run.seconds, MARTLET_POSTGRES_DATABASE=DATABASE, MARTLET_POSTGRES_USER=superuser["PGUSER"],
        MARTLET_POSTGRES_PASSWORD=superuser["PGPASSWORD"])["rate"]


def rows(run):
    run.stack.sql(DATABASE, "TRUNCATE stored")
    return postgres(run, "rows")


def row_floor(run):
    run.stack.sql(DATABASE, "TRUNCATE stored")
    return run.programs.pgbench("row.sql", run.seconds)


def gets(run):
    programs, secret = run.programs, run.stack.secret("redis.operator")
    programs.redis_benchmark("set", 50_000)  # so that every key has its value
    requests = 100_000 * run.seconds
    rates = run.take_turns(
        "GET/s",
        ours=lambda: programs.bench("chats", "gets", 64, run.seconds, MARTLET_REDIS_USER="operator", MARTLET_REDIS_PASSWORD=secret)["rate"],
        redis_benchmark=lambda: programs.redis_benchmark("get", requests))
    run.note(GETS, rates["ours"], rates["redis_benchmark"])
