"""Sign-in and change of the password: plain forms, so that browsers' password managers know them."""

from __future__ import annotations

from nicegui import ui
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.console import frame, memory, parts, seat, texts
from gateway.console.api import Api
from gateway.console.desk import Desk, t

_ZONE = (
    "document.querySelectorAll('[name=zone]').forEach(f => f.value = Intl.DateTimeFormat().resolvedOptions().timeZone)"
)


def _gate(request: Request, title: str) -> ui.element:
    """The page around a form of someone who is not inside yet."""
    dark = request.cookies.get("marquee_dark") == "1"
    frame.set_up(request, Desk(api=Api(memory.held().http), language=frame.language_of(request), dark=dark))
    ui.page_title(f"{t(title)} · Marquee")
    with ui.element("div").classes("m-gate"):
        card = ui.element("div").classes("m-gate-card")
        with parts.row(tight=True):
            for language, name in texts.LANGUAGES.items():
                here = request.url.path
                ui.link(name, f"/preferences?language={language}&next={here}").classes("m-small")
        with card:
            with ui.element("div").classes("m-brand").style("padding:0"):
                ui.element("img").props('src=/assets/marquee.svg alt=""')
                ui.label("Marquee")
            with ui.element("h1"):
                ui.label(t(title))
    return card


def _error(request: Request) -> None:
    """What was wrong with the last try."""
    error = request.query_params.get("error")
    if not error:
        return
    wait = request.query_params.get("wait", "")
    minutes = -(-int(wait) // 60) if wait.isdigit() else 15
    key = f"signin.error.{error}"
    language = frame.language_of(request)
    shown = t(key, n=minutes) if texts.known(language, key) else t("signin.error.other")
    with ui.element("div").props("role=alert"):
        parts.alert(shown, tone="bad", detail=request.query_params.get("why", ""))


def _field(label: str, name: str, kind: str, *, complete: str, value: str = "", focus: bool = False) -> None:
    with ui.element("label"):
        ui.label(label)
        box = ui.element("input").props("required")
        parts.attributes(box, name=name, type=kind, autocomplete=complete, value=value or None)
        if focus:
            box.props("autofocus")


@ui.page("/signin", response_timeout=20)
async def signin(request: Request) -> Response | None:
    """Name and password."""
    target = seat.inside(request.query_params.get("next"))
    with _gate(request, "signin.title"):
        _error(request)
        login = request.query_params.get("login", "")
        with ui.element("form").props("method=post action=/signin"):
            _field(t("signin.login"), "login", "text", complete="username", value=login, focus=not login)
            _field(t("signin.password"), "password", "password", complete="current-password", focus=bool(login))
            parts.attributes(ui.element("input"), type="hidden", name="next", value=target)
            ui.element("input").props("type=hidden name=zone")
            _submit(t("signin.submit"))
        ui.label(t("signin.first_time")).classes("m-mute m-small")
    ui.add_body_html(f"<script>addEventListener('submit', () => {{{_ZONE}}}, true)</script>")
    return None


def _submit(text: str) -> None:
    with ui.element("button").props("type=submit"):
        ui.label(text)


@ui.page("/password", response_timeout=20)
async def password(request: Request) -> Response | None:
    """The old password, and the new one twice; also the way out of a one-time password."""
    if seat.token(request, memory.held().cookie_key) is None:
        return RedirectResponse("/signin?next=/password", 303)
    with _gate(request, "signin.change_title"):
        ui.label(t("signin.change_hint")).classes("m-mute")
        _error(request)
        with ui.element("form").props("method=post action=/password"):
            _field(t("signin.old"), "old", "password", complete="current-password", focus=True)
            _field(t("signin.new"), "new", "password", complete="new-password")
            _field(t("signin.again"), "again", "password", complete="new-password")
            _submit(t("signin.change_submit"))
    return None
