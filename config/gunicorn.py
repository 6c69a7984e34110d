"""How gunicorn serves the house; addresses and numbers of workers come from the command line or WEB_CONCURRENCY."""

from __future__ import annotations

from functools import partial
from typing import Any

from config.environment import trusted_proxies

worker_class = "asgi"
# A door for remote control that nobody here uses.
control_socket_disable = True
# The request log is ours (JSON, with the request id), so gunicorn keeps to its own troubles.
errorlog = "-"
loglevel = "warning"
# Only these may tell us, by X-Forwarded-Proto, that a request came in by HTTPS; left alone, gunicorn believes loopback.
forwarded_allow_ips = ",".join(trusted_proxies())
timeout = 60
keepalive = 2
backlog = 2048


def post_worker_init(worker: Any) -> None:
    """Let the worker's event loop keep our backlog: left to itself it listens again with one of 100."""
    worker.loop.create_server = partial(worker.loop.create_server, backlog=backlog)
