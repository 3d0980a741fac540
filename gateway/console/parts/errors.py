"""What went wrong, in words that say what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nicegui import ui

from gateway.console import desk as desks
from gateway.console import texts
from gateway.console.api import ApiError
from gateway.console.desk import t
from gateway.console.parts.basics import alert, button, row


def words(error: Exception) -> tuple[str, str]:
    """Title and detail of an error in the operator's language; what only the API can say stays in its words."""
    if not isinstance(error, ApiError):
        return t("problems.ours"), t("problems.ours_hint")
    key = "problems." + error.type.removeprefix("/problems/").replace("-", "_")
    title = t(key) if texts.known(desks.here().language, key) else error.title
    hint = f"{key}_hint"
    detail = t(hint) if texts.known(desks.here().language, hint) else error.detail
    if error.fields:
        detail = "; ".join(f"{field}: {message}" for field, message in error.fields.items())
    return title, detail


def failed(error: Exception, *, retry: Callable[[], Any] | None = None) -> None:
    """An error where something should have been, with a way to try again."""
    title, detail = words(error)
    with alert(title, tone="bad", detail=detail):
        if retry is not None:
            with row():
                button(t("shared.retry"), retry, icon="refresh")


def show_error(error: Exception) -> None:
    """An error of a click, told in a corner; the page stays as it is. A session that ended leads to the sign-in."""
    if isinstance(error, ApiError) and error.status == 401:
        ui.navigate.reload()
        return
    title, detail = words(error)
    ui.notification(
        f"{title}\n{detail}" if detail else title,
        type="negative",
        position="bottom-right",
        multi_line=True,
        timeout=9,
        close_button=t("shared.close"),
    )


def say(text: str) -> None:
    """A short word that something worked."""
    ui.notification(text, position="bottom-right", timeout=4, type="positive")


def field_errors(error: ApiError, fields: Mapping[str, Any]) -> None:
    """Put an error's messages at their fields (inputs by the API's field name); what has no field is shown as usual."""
    left = dict(error.fields)
    for name, field in fields.items():
        message = left.pop(name, None)
        field.error = message
    if left or not error.fields:
        show_error(ApiError(error.status, error.type, error.title, error.detail, left, error.retry_after))
