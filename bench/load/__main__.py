"""What the site bears: python -m bench.load [--short], on a stack of its own (`make load` starts it).

Fills the site, times every page alone at each size, lets 500 participants browse and submit for two
minutes, waits for the last verdict, and ends with tables and with what was promised and whether it held.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import django
from django.conf import settings

django.setup()

from django.db.models import Max  # noqa: E402
from django.urls import Resolver404, resolve  # noqa: E402

from bench.support import save  # noqa: E402
from bounty.models import Status, Submission  # noqa: E402
from config.supervisor import die_with_parent  # noqa: E402

from . import report  # noqa: E402
from .fill import Size, fill  # noqa: E402
from .growth import growth, leaderboard_at_once  # noqa: E402
from .watch import Watch  # noqa: E402

SIZES = (Size(1_000, 100), Size(10_000, 300), Size(100_000, 1_000))
SHORT_SIZES = (Size(1_000, 100), Size(10_000, 300))
PEOPLE, SECONDS, RAMP, THINKS = 500, 120, 30, (10, 30)
SHORT_PEOPLE, SHORT_SECONDS, SHORT_RAMP, SHORT_THINKS = 50, 20, 5, (2, 6)
DRAIN_SECONDS = 300


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="50 people for 20 s and fewer submissions")
    short = parser.parse_args().short
    sizes = list(SHORT_SIZES if short else SIZES)
    people, seconds, ramp = (SHORT_PEOPLE, SHORT_SECONDS, SHORT_RAMP) if short else (PEOPLE, SECONDS, RAMP)
    if settings.DEBUG:
        sys.exit("Load is put on the site as it runs for the public: set DEBUG=0.")

    print("== the site is filled", flush=True)
    site = fill(sizes, people)
    site |= {"has_status": has_page("/status/"), "thinks": SHORT_THINKS if short else THINKS}
    print("== every page alone", flush=True)
    own = {size.slug: own_submission(size.slug) for size in sizes}
    found = {"short": short, "people": people, "seconds": seconds, "growth": growth(site, sizes, own)}
    found["leaderboard"] = leaderboard_at_once(site, sizes[-1])
    print(f"== {people} people for {seconds} s", flush=True)
    found |= under_load(site, sizes[-1], people, seconds, ramp)
    promises = report.promises(found, sizes[-1].submissions)
    save("load", found | {"promises": promises})
    report.show(found, promises)
    return 0 if all(promise["held"] for promise in promises) else 1


def has_page(path: str) -> bool:
    try:
        resolve(path)
    except Resolver404:
        return False
    return True


def own_submission(slug: str) -> int:
    """The newest of the first participant's."""
    own = Submission.objects.filter(bounty__slug=slug, team__name="team-0")
    return own.aggregate(newest=Max("id"))["newest"]


def under_load(site: dict, size: Size, people: int, seconds: int, ramp: int) -> dict:
    """What locust measured of the people, what the site made of their submissions, and what it took."""
    data, out = (Path(settings.FAULTLINE_DATA) / f"load-{name}.json" for name in ("site", "people"))
    data.write_text(json.dumps(site))
    data.chmod(0o600)
    before = Submission.objects.aggregate(newest=Max("id"))["newest"]
    watch = Watch()
    watch.start()
    started = time.monotonic()
    command = [sys.executable, "-m", "locust", "-f", str(Path(__file__).with_name("people.py")), "--headless"]
    command += ["--host", os.environ["SITE_URL"], "-u", str(people), "-r", str(max(1, people // ramp))]
    command += ["-t", f"{seconds + ramp}s", "--reset-stats", "--only-summary"]
    command += ["--exit-code-on-error", "0", "--loglevel", "WARNING"]
    done = subprocess.run(
        command,
        env=os.environ | {"LOAD_SITE": str(data), "LOAD_OUT": str(out)},
        preexec_fn=die_with_parent,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode or not out.exists():
        sys.exit(f"locust ended with {done.returncode}:\n{done.stderr}")
    lasted = time.monotonic() - started
    watch.stop()
    sent = Submission.objects.filter(bounty__slug=size.slug, pk__gt=before)
    during = sent.exclude(finished=None).count()
    drained = wait_until_finished(sent)
    return {
        **json.loads(out.read_text()),
        "sent": sent.count(),
        "finished_during": during,
        "verdicts_per_second": during / lasted,
        "left_at_the_end": sent.count() - during,
        "drained_after": drained,
        "outcomes": outcomes(sent),
        "cores": watch.shares(),
        "memory": [
            {
                "kind": one.kind,
                "pid": one.pid,
                "memory": one.memory,
                "steady": one.grows_steadily,
                "grew": one.grew,
            }
            for one in watch.lasting()
        ],
    }


def wait_until_finished(sent) -> float | None:
    """How long the queue took to empty once nobody sent any more; None where it did not."""
    started = time.monotonic()
    while sent.unfinished().exists():
        if time.monotonic() - started > DRAIN_SECONDS:
            return None
        time.sleep(0.2)
    return time.monotonic() - started


def outcomes(sent) -> dict[str, int]:
    return {status: sent.filter(status=status).count() for status in Status.values}


if __name__ == "__main__":
    sys.exit(main())
