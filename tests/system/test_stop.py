"""A worker that is told to stop in the middle of a long run."""

from config.demo.client import multipart

from .entries import SLOW
from .faults import busy
from .traffic import Api

SLUG = "stopped"
WALL_SECONDS, GRACE_SECONDS, AGAIN_SECONDS = 40, 25, 25
LEASE = "SELECT lease FROM bounty_submission WHERE id = %s"
HANDED_ON = "SELECT lease <> %s AND tries = 1 AND lease_expiries = 0 FROM bounty_submission WHERE id = %s"


def test_a_worker_that_is_told_to_stop_hands_on_what_takes_long(stack, site, tell):
    site.open_bounty(SLUG)
    with stack.database() as server:
        server.execute("UPDATE bounty_bounty SET wall_seconds = %s WHERE slug = %s", [WALL_SECONDS, SLUG])
    fields = {"kind": "find", "group_format": "python"}
    body, content_type = multipart(fields, {"group_file": ("slow.py", SLOW.encode())})
    path = f"bounties/{SLUG}/submissions/"
    status, taken = Api(stack.urls).call(path, site.tokens[0], body, Content_Type=content_type)
    assert status == 202, taken
    container, _, _ = busy(site)
    lease = site.query(LEASE, taken["id"])
    seconds = stack.engine.stop(container.name)
    try:
        assert seconds < GRACE_SECONDS
        stack.engine.wait(
            lambda: site.query(HANDED_ON, lease, taken["id"]), AGAIN_SECONDS, "another worker runs it"
        )
    finally:
        stack.engine.start(container.name)
    tell(
        "a worker stopped in the middle of a long run",
        f"ended in {seconds:.0f} s; another runs it, no try lost",
    )
