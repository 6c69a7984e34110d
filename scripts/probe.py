"""Exit 0 while the web process beside us answers /healthz: the health check of the container image."""

import http.client
import os
import sys

# A server told to answer to one name only would refuse a probe by address.
host = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip().lstrip(".") or "localhost"
connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("PORT") or 8000), timeout=4)
try:
    connection.request("GET", "/healthz", headers={"Host": "localhost" if host == "*" else host})
    sys.exit(0 if connection.getresponse().status == 200 else 1)
except OSError:
    sys.exit(1)
