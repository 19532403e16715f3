"""Whether this container's web server answers: exit code 0 or 1. Nothing but the standard library."""

import sys
from http.client import HTTPConnection, HTTPException

# As the proxy asks it: under a name that is allowed, and not to be sent on to https.
HEADERS = {"Host": "localhost", "X-Forwarded-Proto": "https"}
PATH = "/healthz"

port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
try:
    connection = HTTPConnection("127.0.0.1", port, timeout=4)
    connection.request("GET", PATH, headers=HEADERS)
    answer = connection.getresponse()
except (OSError, HTTPException) as error:
    sys.exit(f"{PATH} on port {port}: {error}")
if answer.status != 200:
    sys.exit(f"{PATH} on port {port}: {answer.status} {answer.reason}")
