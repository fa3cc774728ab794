"""The worker behind `gunicorn -k geventwebsocket wsgi:app`.

gunicorn's own gevent worker on pywsgi, with our handler and a server that does not spend the whole graceful
timeout on idle connections. In a directory that has no `gunicorn.conf.py` of ours it is reached by its dotted
name, `-k mockllm.gunicorn_worker.Worker`.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from gunicorn.arbiter import Arbiter
from gunicorn.workers.ggevent import GeventPyWSGIWorker, PyWSGIHandler

from dsl import garbage
from mockllm.handler import Handler
from mockllm.server import GracefulServer


class GunicornHandler(Handler, PyWSGIHandler):  # type: ignore[misc]  # gunicorn has no types
    """Our handler, with what gunicorn adds to the environ, and its access log for those who ask for it."""

    def make_environ(self) -> dict[str, Any]:
        return super().make_environ() | {"gunicorn.sock": self.socket, "RAW_URI": self.path}

    def log_request(self) -> None:
        # A request that could not be read has no environ, and gunicorn's log cannot do without.
        if self.environ is not None:
            PyWSGIHandler.log_request(self)


class TellingHandler(GunicornHandler):
    """For a gunicorn that tells of each request: it needs an environ for that."""

    exact = False


class Worker(GeventPyWSGIWorker):  # type: ignore[misc]  # gunicorn has no types
    server_class = GracefulServer
    wsgi_handler = GunicornHandler

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Called once, before there are workers."""
        if cfg.workers > 1 and not os.environ.get("MOCKLLM_STATE"):
            log.warning(
                "%d workers share nothing: each has sessions, stored responses, a journal and a drawn seed of its "
                "own. Set MOCKLLM_STATE to the URL of a Redis to share them, or use one worker.",
                cfg.workers,
            )

    def load_wsgi(self) -> None:
        try:
            super().load_wsgi()
        except SystemExit:
            # The script has errors, and has told them. After any other status gunicorn would try for ever.
            sys.exit(Arbiter.APP_LOAD_ERROR)
        if _tells(self.cfg):
            self.wsgi_handler = TellingHandler
        garbage.serve()


def _tells(cfg: Any) -> bool:
    """Whether gunicorn is to tell of each request."""
    asked = cfg.accesslog, cfg.logconfig, cfg.logconfig_dict, cfg.logconfig_json, cfg.syslog, cfg.statsd_host
    return any(asked)
