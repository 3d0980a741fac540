"""JSON logs, trace ids and HTTP metrics."""

from __future__ import annotations

import logging
import re
import secrets
import sys
import time
from contextvars import ContextVar
from typing import Any

import msgspec
import structlog
from prometheus_client import Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

trace: ContextVar[str] = ContextVar("trace", default="")
"""The W3C trace id (32 hex digits) of what is being done now; it goes from HTTP through the bus."""

SERVICE_TIME = Histogram(
    "marquee_http_seconds",
    "Time from the request's head to the answer's end",
    ["method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)

_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$")
_METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}
_root = logging.getLogger()
_QUIET = {"/healthz", "/readyz", "/metrics"}


def new_trace() -> str:
    """A fresh trace id."""
    return secrets.token_hex(16)


def _add_trace(_: Any, __: str, event: Any) -> Any:
    current = trace.get()
    if current:
        event["trace"] = current
    return event


def configure(service: str, level: str) -> None:
    """Send every log line of this process to standard output as one JSON object."""
    chain: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _add_trace,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*chain, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=chain,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.EventRenamer("message"),
                structlog.processors.JSONRenderer(serializer=lambda event, **_: _line(service, event)),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("uvicorn", "uvicorn.error", "uvicorn.access", "alembic", "httpx", "nats"):
        logger_ = logging.getLogger(noisy)
        logger_.handlers[:] = []
        logger_.propagate = True
        logger_.setLevel(logging.WARNING)


def _line(service: str, event: dict[str, Any]) -> str:
    return msgspec.json.encode({"service": service, **event}, enc_hook=str).decode()


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module: `log.info("sentence", key=value)`."""
    bound: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return bound


class Telemetry:
    """ASGI middleware: takes or makes the trace id, times the request, logs what failed on our side."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.log = logger("http")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        incoming = next((value for name, value in scope["headers"] if name == b"traceparent"), b"")
        match = _TRACEPARENT.match(incoming.decode("latin-1")) if incoming else None
        current = match.group(1) if match else new_trace()
        token = trace.set(current)
        status = 500
        began = time.perf_counter()

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), (b"x-trace-id", current.encode())]
            await send(message)

        try:
            await self.app(scope, receive, sending)
        except Exception:
            self.log.exception("request failed", method=scope["method"], path=scope["path"])
            raise
        finally:
            seconds = time.perf_counter() - began
            route = getattr(scope.get("route"), "path", "-")
            # A caller may invent methods; a label must not grow with what callers send.
            method = scope["method"] if scope["method"] in _METHODS else "other"
            SERVICE_TIME.labels(method, route, str(status)).observe(seconds)
            # structlog renders a line before the level drops it: 4 % of an event's way through the gateway.
            if _root.isEnabledFor(logging.DEBUG) and scope["path"] not in _QUIET:
                self.log.debug("request", method=scope["method"], path=scope["path"], status=status, seconds=seconds)
            trace.reset(token)
