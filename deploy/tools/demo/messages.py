"""From the story to the calls that SDKs would have sent, encoded."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from deploy.tools.demo import people
from deploy.tools.demo.dice import Ints
from deploy.tools.demo.flaws import AGENTS, BROKEN, is_hasty
from deploy.tools.demo.log import (
    COMMENTED,
    DANMAKU,
    EVENTS,
    FOLLOWED,
    GIFT,
    IDENTIFY,
    LIVE_IN,
    LIVE_OUT,
    MEMBERSHIP,
    ORDER,
    REFUND,
    SEARCHED,
    SHARED,
    SHOWN,
    SIGNED_IN,
    SIGNED_UP,
    WATCHED,
)
from deploy.tools.demo.story import Story
from deploy.tools.demo.words import CATEGORIES, CITIES, COMMENTS, CRISIS
from deploy.tools.demo.words import DANMAKU as FLYING

_encode = msgspec.json.Encoder().encode

ARRIVALS: tuple[dict[str, str] | None, ...] = (
    None,
    {"source": "douyin", "medium": "cpc", "name": "autumn"},
    {"source": "wechat", "medium": "social", "name": "share"},
    None,
    {"source": "baidu", "medium": "search", "name": "brand"},
)
"""What a new viewer's first page was reached by."""

PATHS = ("phone", "wechat", "email")


class Scribe:
    """Writes the rows of a story as calls."""

    def __init__(self, told: Story) -> None:
        self._told = told
        self._about = [_about(item) for item in told.offered.items]
        self._contexts: dict[tuple[int, int], msgspec.Raw] = {}
        self._times = np.datetime_as_string(told.log.at.astype("datetime64[ms]"), unit="ms")

    def message_id(self, row: int) -> str:
        """The id of a row's call."""
        return f"demo:{self._told.seed}:{row}"

    def written(self, rows: Ints) -> list[bytes]:
        """The calls of these rows."""
        log = self._told.log
        columns = zip(
            rows.tolist(),
            log.viewer[rows].tolist(),
            log.slot[rows].tolist(),
            log.kind[rows].tolist(),
            log.thing[rows].tolist(),
            log.number[rows].tolist(),
            log.what[rows].tolist(),
            log.at[rows].tolist(),
            strict=True,
        )
        return [_encode(self._call(*row)) for row in columns]

    def _call(
        self, row: int, viewer: int, slot: int, kind: int, thing: int, number: float, what: int, at: int
    ) -> dict[str, Any]:
        told = self._told
        call: dict[str, Any] = {"messageId": self.message_id(row), "timestamp": f"{self._times[row]}Z"}
        if viewer >= told.them.size:
            program = viewer - told.them.size
            call |= {"type": "track", "event": EVENTS[kind], "anonymousId": program_id(told.seed, program)}
            agent = None if is_hasty(program) else AGENTS[program % len(AGENTS)]
            return {**call, "context": {"userAgent": agent} if agent else {}, "properties": self._about[thing]}
        call["anonymousId"] = told.names.visitor(viewer, slot)
        if at >= told.entered[viewer, slot]:
            call["userId"] = told.names.users[viewer]
        call["context"] = self._context(viewer, slot)
        if kind == IDENTIFY:
            if slot == 0:
                return {**call, "type": "identify", **_said(told.traits[viewer], call["context"])}
            if told.them.by_alias[viewer]:
                return {**call, "type": "alias", "previousId": call.pop("anonymousId")}
            return {**call, "type": "identify"}
        event, properties = self._track(viewer, kind, thing, number, what, row)
        if kind == SIGNED_UP and (arrival := ARRIVALS[viewer % len(ARRIVALS)]):
            context = msgspec.json.decode(call["context"])
            call["context"] = {**context, "campaign": arrival}
        return {**call, "type": "track", "event": event, "properties": properties}

    def _track(
        self, viewer: int, kind: int, thing: int, number: float, what: int, row: int
    ) -> tuple[str, dict[str, Any]]:
        if kind >= BROKEN:
            event, properties = self._track(viewer, kind - BROKEN, thing, number, what, row)
            return event, _broken(kind - BROKEN, properties)
        if kind == MEMBERSHIP:
            product = {"product_id": "membership", "name": "会员 · Membership", "price": number, "quantity": 1}
            order = {"order_id": f"m{row}", "revenue": number, "currency": "CNY", "product_kind": "membership"}
            return EVENTS[ORDER], {**order, "products": [product]}
        event = EVENTS[kind]
        if kind == SEARCHED:
            return event, {"query": CATEGORIES[what // 4].searches[what % 4], "results": 20 + row % 180}
        if kind in (SIGNED_UP, SIGNED_IN):
            return event, {"method": PATHS[viewer % len(PATHS)]}
        about = self._about[thing]
        if kind == SHOWN:
            return event, {**about, "position": int(number), "placement": "feed"}
        if kind == WATCHED:
            seconds = int(self._told.offered.seconds[thing])
            watched = {"watch_seconds": round(seconds * number, 1), "duration_seconds": seconds, "completion": number}
            return event, {**about, **watched}
        if kind == COMMENTED:
            return event, {**about, "comment_id": f"c{row}", "text": comment(what)}
        if kind == DANMAKU:
            return event, {**about, "text": FLYING[what].text, "position_seconds": row % 20}
        if kind == SHARED:
            return event, {**about, "channel": ("wechat", "weibo", "link")[row % 3]}
        if kind == FOLLOWED:
            return event, {"creator_id": about["creator_id"], "category": about["category"], "tags": about["tags"]}
        if kind in (LIVE_IN, LIVE_OUT, GIFT):
            room = {"room_id": about["content_id"], "creator_id": about["creator_id"], "category": about["category"]}
            if kind == GIFT:
                return event, {**room, "gift_id": f"gift-{int(number)}", "amount": number, "currency": "CNY"}
            return event, room if kind == LIVE_IN else {**room, "watch_seconds": number}
        if kind in (ORDER, REFUND):
            product = {"product_id": about["content_id"], "category": about["category"], "price": number, "quantity": 1}
            order = {"order_id": f"o{what}", "revenue": number, "currency": "CNY", "category": about["category"]}
            return event, {**order, "product_kind": "goods", "tags": about["tags"], "products": [product]}
        return event, about

    def _context(self, viewer: int, slot: int) -> msgspec.Raw:
        found = self._contexts.get((viewer, slot))
        if found is None:
            them = self._told.them
            device = people.device(them, viewer, slot)
            its: dict[str, Any] = {"type": device.type}
            if device.app == "app":
                its["id"] = self._told.names.device(viewer, slot)
            zone = CITIES[int(them.city[viewer])].zone
            context = {"device": its, "os": {"name": device.os}, "timezone": zone, "channel": device.app}
            found = self._contexts[viewer, slot] = msgspec.Raw(_encode(context))
        return found


def program_id(seed: int, program: int) -> str:
    """The visitor id of a program."""
    return f"demo-{seed}-program-{program + 1:03d}"


def comment(what: int) -> str:
    """The text of a comment."""
    return COMMENTS[what].text if what < len(COMMENTS) else CRISIS[what - len(COMMENTS)].text


def _about(item: dict[str, Any]) -> dict[str, Any]:
    its = item["properties"]
    return {
        "content_id": item["id"],
        "creator_id": item["creator_id"],
        "category": its["category"],
        "tags": item["tags"],
    }


def _said(traits: dict[str, Any], context: msgspec.Raw) -> dict[str, Any]:
    """Traits of a sign-up; an id of WeChat is no trait but one more id."""
    wechat = traits.get("wechat_openid")
    if wechat is None:
        return {"traits": traits}
    ids = [{"id": wechat, "type": "wechat_openid"}]
    rest = {name: value for name, value in traits.items() if name != "wechat_openid"}
    return {"traits": rest, "context": {**msgspec.json.decode(context), "externalIds": ids}}


def _broken(kind: int, properties: dict[str, Any]) -> dict[str, Any]:
    """The same event as a careless release of an app would send it."""
    if kind == ORDER:
        return {**properties, "order_id": f"{properties['order_id']}-x", "revenue": f"{properties['revenue']}元"}
    if kind == WATCHED:
        return {**properties, "completion": round(properties["completion"] * 100)}
    return {**properties, "debug_trace": "v2.3.1-beta"}
