"""The frame around every page: who may see it, navigation, search, language, dark mode, the account.

    @frame.page("/people", title="people.title")
    async def people(desk: Desk) -> None: …

A page function gets the desk, then the parts of its path; what it reads of the query is in `desk.query`.
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote, urlencode

from fastapi.exception_handlers import http_exception_handler
from nicegui import Client, ui
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.console import desk as desks
from gateway.console import memory, parts, seat, texts
from gateway.console.api import Api, ApiError
from gateway.console.desk import Desk, t, zone_of

LANGUAGE = "marquee_language"
"""Cookie with the language of who is not signed in."""

QUASAR: dict[str, Literal["zh-CN", "en-US"]] = {"zh": "zh-CN", "en": "en-US"}


@dataclass(frozen=True)
class Entry:
    """A line of the navigation; shown when its page is there and the role has the permission."""

    path: str
    text: str
    icon: str
    permission: str | None = None


NAVIGATION: tuple[tuple[str | None, tuple[Entry, ...]], ...] = (
    (None, (Entry("/", "frame.nav.home", "space_dashboard"),)),
    (
        "frame.nav.audience",
        (
            Entry("/people", "frame.nav.people", "group", "profile:read"),
            Entry("/segments", "frame.nav.segments", "donut_large", "segment:read"),
            Entry("/insight", "frame.nav.insight", "insights", "segment:read"),
        ),
    ),
    (
        "frame.nav.reach",
        (
            Entry("/campaigns", "frame.nav.campaigns", "campaign", "campaign:read"),
            Entry("/outbox", "frame.nav.outbox", "outbox", "campaign:read"),
            Entry("/suppressions", "frame.nav.suppressions", "block", "campaign:read"),
        ),
    ),
    (
        "frame.nav.house",
        (
            Entry("/sources", "frame.nav.sources", "input", "profile:read"),
            Entry("/audit", "frame.nav.audit", "verified_user", "audit:read"),
            Entry("/operators", "frame.nav.operators", "badge", "operators:read"),
        ),
    ),
)

_paths: set[str] = set()


def language_of(request: Request) -> str:
    """The language before anyone is signed in: chosen by hand, else the browser's."""
    chosen = request.cookies.get(LANGUAGE, "")
    return chosen if chosen in texts.LANGUAGES else texts.preferred(request.headers.get("accept-language", ""))


def set_up(request: Request, desk: Desk) -> None:
    """Give the page that is being built its desk, language and colours."""
    client = ui.context.client
    desks.put(client, desk)
    # The page object is shared by all who see that page, and this one has a language of its own.
    client.page = copy.copy(client.page)
    client.page.language = QUASAR[desk.language]
    client.page.dark = desk.dark
    client.on_exception(parts.show_error)


def page(path: str, *, title: str, permission: str | None = None, wide: bool = False) -> Callable[..., Any]:
    """A page inside the frame, for who is signed in. `title` is a key of the catalogues."""

    def wrap(build: Callable[..., Awaitable[None] | None]) -> Callable[..., Any]:
        signature = inspect.signature(build, eval_str=True)
        own = [one for one in signature.parameters.values() if one.name != "desk"]
        asked = inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY, annotation=Request)

        @functools.wraps(build)
        async def shown(*, request: Request, **arguments: Any) -> Response | None:
            try:
                desk = await _seated(request)
            except ApiError as error:
                return _turned_away(request, error)
            set_up(request, desk)
            ui.page_title(f"{t(title)} · Marquee")
            with _frame(desk, title):
                if permission is not None and not desk.may(permission):
                    parts.empty("lock", t("frame.forbidden"), t("frame.forbidden_hint", role=desk.operator["role"]))
                    return None
                try:
                    drawn = build(desk, **arguments)
                    if drawn is not None:
                        await drawn
                except ApiError as error:
                    parts.failed(error)
            return None

        shown.__signature__ = signature.replace(  # type: ignore[attr-defined] # FastAPI reads the path's parts from it
            parameters=[*own, asked], return_annotation=inspect.Signature.empty
        )
        del shown.__wrapped__
        _paths.add(path)
        return ui.page(path, response_timeout=20)(shown)

    return wrap


async def missing(request: Request, error: Exception) -> Response:
    """An address that is no page, inside the frame; what a program asks for gets the bare answer."""
    if not _is_read(request):
        assert isinstance(error, HTTPException)
        return await http_exception_handler(request, error)
    with Client(ui.page(""), request=request) as client:
        try:
            desk = await _seated(request)
        except ApiError as refused:
            turned = _turned_away(request, refused)
            return turned if turned is not None else client.build_response(request, refused.status or 503)
        set_up(request, desk)
        ui.page_title(f"{t('frame.missing')} · Marquee")
        with _frame(desk, "frame.missing"):
            parts.empty("explore_off", t("frame.missing"), t("frame.missing_hint"), action=t("frame.to_home"), href="/")
    return client.build_response(request, 404)


def _is_read(request: Request) -> bool:
    """Whether a person in a browser looks for a page, and nothing of a page."""
    asked, ours = request.headers.get("accept", ""), request.url.path.startswith(("/_nicegui", "/assets/", "/healthz"))
    return request.method == "GET" and "text/html" in asked and not ours


async def _seated(request: Request) -> Desk:
    """The desk of who is signed in. Raises ApiError: 401 when nobody is."""
    token = seat.token(request, memory.held().cookie_key)
    if token is None:
        raise ApiError(401, "/problems/unauthorised", "")
    api = Api(memory.held().http, token)
    told = await api.get("/v1/sessions/current")
    operator = told["operator"]
    if operator["must_change"]:
        raise ApiError(403, "/problems/password-must-change", "")
    preferences = operator["preferences"]
    language = preferences.get("language")
    return Desk(
        api=api,
        operator=operator,
        permissions=frozenset(told["permissions"]),
        language=language if language in texts.LANGUAGES else language_of(request),
        zone=zone_of(preferences.get("zone")),
        dark=bool(preferences.get("dark")),
        path=request.url.path,
        query=request.query_params,
    )


def _turned_away(request: Request, error: ApiError) -> Response | None:
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if error.status == 401:
        return RedirectResponse("/signin" + (f"?next={quote(here)}" if here != "/" else ""), 303)
    if error.type == "/problems/password-must-change":
        return RedirectResponse("/password", 303)
    set_up(request, Desk(api=Api(memory.held().http), language=language_of(request)))
    ui.page_title("Marquee")
    with ui.element("div").classes("m-gate"), ui.element("div").classes("m-gate-card"):
        parts.failed(error, retry=lambda: ui.navigate.to(here))
    return None


def _frame(desk: Desk, title: str) -> ui.element:
    """Draw the frame; the element into which the page is drawn."""
    with ui.element("div").classes("m-shell"):
        _navigation(desk)
        with ui.element("div").classes("m-main"):
            _top(desk, title)
            return ui.element("div").classes("m-body").props("id=content")


def _navigation(desk: Desk) -> None:
    with parts.attributes(ui.element("nav").classes("m-nav"), aria_label=t("frame.nav.label")):
        with ui.element("a").props("href=/").classes("m-brand"):
            ui.element("img").props('src=/assets/marquee.svg alt=""')
            ui.label("Marquee")
        for group, entries in NAVIGATION:
            offered = [one for one in entries if one.path in _paths and _offered(desk, one)]
            if group and offered:
                ui.label(t(group)).classes("m-nav-group")
            for entry in offered:
                here = desk.path == entry.path or (entry.path != "/" and desk.path.startswith(entry.path + "/"))
                link = parts.attributes(ui.element("a"), href=entry.path).classes("m-nav-item")
                if here:
                    link.classes("m-here").props("aria-current=page")
                with link:
                    ui.icon(entry.icon).props("aria-hidden=true")
                    ui.label(t(entry.text))


def _offered(desk: Desk, entry: Entry) -> bool:
    return entry.permission is None or desk.may(entry.permission)


def _top(desk: Desk, title: str) -> None:
    with ui.element("header").classes("m-top"):
        with ui.element("h1"):
            ui.label(t(title)).classes("m-title")
        ui.element("div").classes("m-grow")
        if desk.may("profile:read"):
            search = ui.input(placeholder=t("frame.search")).classes("m-search").props("clearable")
            parts.attributes(search, aria_label=t("frame.search"), type="search").props(remove="stack-label")
            search.on("keydown.enter", lambda: _search(search.value))
        other = "en" if desk.language == "zh" else "zh"
        parts.button(texts.LANGUAGES[other], kind="quiet", icon="translate", href=_preference(desk, language=other))
        name = "light_mode" if desk.dark else "dark_mode"
        parts.button("", kind="quiet", icon=name, hint=t("frame.dark"), href=_preference(desk, dark=int(not desk.dark)))
        _account(desk)


def _search(text: str | None) -> None:
    if text and text.strip():
        ui.navigate.to(f"/people?{urlencode({'q': text.strip()})}")


def _preference(desk: Desk, **wanted: object) -> str:
    here = desk.path + (f"?{desk.query}" if desk.query else "")
    return f"/preferences?{urlencode({**wanted, 'next': here})}"


def _account(desk: Desk) -> None:
    with (
        parts.button(desk.operator["name"], kind="quiet", icon="account_circle", hint=t("frame.account")),
        ui.menu().props("anchor='bottom right' self='top right'"),
        ui.element("div").classes("m-stack").style("padding:12px 14px;min-width:220px"),
    ):
        with ui.element("div").classes("m-stack m-tight"):
            ui.label(desk.operator["name"]).classes("m-strong")
            ui.label(desk.operator["login"]).classes("m-mute m-small")
            ui.label(f"{t('roles.' + desk.operator['role'])} · {desk.zone.key}").classes("m-mute m-small")
        parts.button(t("frame.change_password"), kind="plain", href="/password")
        with ui.element("form").props("method=post action=/signout"):
            ui.button(t("frame.sign_out"), icon="logout").classes("m-quiet").props("type=submit", remove="color")
