"""Whether this container's web server answers: exit code 0 or 1. Nothing but the standard library."""

import sys
import urllib.request

ADDRESS = "http://127.0.0.1:8000/healthz"
# As the proxy asks it: under a name that is allowed, and not to be sent on to https.
HEADERS = {"Host": "localhost", "X-Forwarded-Proto": "https"}

try:
    urllib.request.urlopen(urllib.request.Request(ADDRESS, headers=HEADERS), timeout=4)  # noqa: S310
except OSError as error:
    sys.exit(f"{ADDRESS}: {error}")
