"""What happened to every submission, kept by a trigger in PostgreSQL that the product knows nothing of."""

from dataclasses import dataclass

import psycopg

ENDED = ("scored", "rejected", "failed")
VERDICT = ("status", "error", "on_hidden", "sample_share", "accepted", "code", "points", "numbers")
VERDICT += ("solo_accepted", "solo_points")
# The product's own columns, so that a row says whether anything of an outcome changed.
OUTCOME = "md5(ROW({row}.status, {row}.error, {row}.accepted, {row}.code, {row}.points, {row}.numbers::text, "
OUTCOME += "{row}.finished)::text)"
TRIGGER = f"""
CREATE TABLE harness_history (
    submission bigint, bounty bigint, was text, became text, changed boolean,
    at timestamptz DEFAULT clock_timestamp()
);
CREATE FUNCTION harness_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO harness_history VALUES (NEW.id, NEW.bounty_id, NULL, NEW.status, false);
    ELSE
        INSERT INTO harness_history VALUES (
            NEW.id, NEW.bounty_id, OLD.status, NEW.status,
            {OUTCOME.format(row="OLD")} <> {OUTCOME.format(row="NEW")}
        );
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER harness_keep AFTER INSERT OR UPDATE ON bounty_submission
    FOR EACH ROW EXECUTE FUNCTION harness_keep();
"""


@dataclass(frozen=True)
class Counts:
    """Of one bounty: how many were taken, have ended, were judged twice and failed on our side."""

    taken: int
    ended: int
    judged_twice: int
    failed: int
    lease_expiries: int
    longest_gap: float


def keep(connection: psycopg.Connection) -> None:
    connection.execute(TRIGGER)


def counts(connection: psycopg.Connection, slug: str) -> Counts:
    taken, failed, ended, expiries = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE status = 'failed'), "
        "count(*) FILTER (WHERE status = ANY(%s)), coalesce(sum(lease_expiries), 0) "
        "FROM bounty_submission WHERE bounty_id = "
        "(SELECT id FROM bounty_bounty WHERE slug = %s)",
        [list(ENDED), slug],
    ).fetchone()
    rows = connection.execute(
        "SELECT submission, was, became, changed, at FROM harness_history WHERE bounty = "
        "(SELECT id FROM bounty_bounty WHERE slug = %s) ORDER BY at",
        [slug],
    ).fetchall()
    return Counts(taken, ended, judged_twice(rows), failed, int(expiries), longest_gap(rows))


def judged_twice(rows: list[tuple]) -> int:
    """Submissions that ended more than once, or of whose outcome something changed after its end."""
    ends, twice = {}, set()
    for submission, was, became, changed, _ in rows:
        if was in ENDED and changed:
            twice.add(submission)
        if became in ENDED and was not in ENDED:
            ends[submission] = ends.get(submission, 0) + 1
    return len(twice | {submission for submission, times in ends.items() if times > 1})


def longest_gap(rows: list[tuple]) -> float:
    """Seconds without an outcome while one was waited for."""
    longest, waiting, since = 0.0, 0, None
    for _, was, became, _, at in rows:
        if was is None:
            since = at if waiting == 0 else since
            waiting += 1
        elif became in ENDED and was not in ENDED:
            longest = max(longest, (at - since).total_seconds())
            since = at
            waiting -= 1
    return longest


def verdicts(connection: psycopg.Connection, slug: str) -> dict[str, tuple]:
    """By the key it was sent with, all that was decided about each submission."""
    columns = ", ".join(f"one.{name}" for name in VERDICT)
    rows = connection.execute(
        f"SELECT one.idempotency_key, {columns}, earlier.idempotency_key FROM bounty_submission one "
        "LEFT JOIN bounty_submission earlier ON earlier.id = one.duplicate_of_id "
        "WHERE one.bounty_id = (SELECT id FROM bounty_bounty WHERE slug = %s) ORDER BY one.id",
        [slug],
    ).fetchall()
    return {key: tuple(decided) for key, *decided in rows}
