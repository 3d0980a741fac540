"""A manual campaign from its draft to its report, with segment and profile played."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from shared import clock, experiment
from shared.contracts import EventRecorded, FollowAnswered, FollowAsked, ProfileMerged
from tests.campaign.conftest import People, Segments
from tests.campaign.mail import MailServer
from tests.campaign.samples import AS_OF, PATH, begin, entered, finished, manual, messages, post, put
from tests.campaign.samples import start as start_automatic
from tests.harness.bus import TestBus
from tests.harness.eventually import eventually
from tests.harness.houses import Running

Campaign = Callable[..., Awaitable[Running]]
BROWSER = "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"


async def test_from_draft_to_report(
    campaign: Campaign, mail: MailServer, people: People, segments: Segments, bus: TestBus
) -> None:
    segments.of = {"silent": list(range(1, 41)), "fans": [3]}
    people.tags = {5: ["anime"]}
    people.refused = {7: "no_consent", 8: "no_address"}
    running = await campaign(marketing_cap=5)
    variants = [
        {"when": {"segment": "fans"}, "subject": "Fan", "body": "f"},
        {"name": "tagged", "when": {"tag": "anime"}, "subject": "Tag", "body": "t"},
    ]
    html = '<a href="https://shop.test/?a=1&amp;b=2">x</a>'
    wanted = manual(
        content={"html": html, "variants": variants},
        holdout=0.2,
        conversion={"event": "Order Completed", "where": [{"property": "kind", "eq": "a"}], "value": "revenue"},
    )
    held = {n for n in range(1, 41) if n not in (7, 8) and experiment.bucket("holdout:back", str(n)) < 0.2}
    assert held
    await put(running, wanted)
    estimate = await post(running, "estimate")
    reach = {"reachable": 38, "unreachable": {"no_consent": 1, "no_address": 1}, "exact": True}
    assert estimate == {
        "audience": 40, "complete": True, "as_of": AS_OF.isoformat().replace("+00:00", "Z"), "reachable": 38,
        "unreachable": {"no_consent": 1, "no_address": 1}, "suppressed": 0, "unwritable": {}, "capped": 0,
        "held_out": len(held), "planned": 38 - len(held), "waiting": {}, "unknown_refs": 0, "exact": True,
        "channels": dict.fromkeys(("email", "sms", "push", "inbox"), reach), "asked": 40, "seconds": None,
    }  # fmt: skip
    assert (await post(running, "preview", {"ref": "5"}))["variant"] == "tagged"
    assert (await post(running, "preview", {"ref": "user_id:u3"}))["subject"] == "Fan"
    assert (await post(running, "preview", {"ref": "7"}))["reason"] == "no_consent"
    tested = await post(running, "test", {"address": "me@example.com", "ref": "3"})
    assert (tested["accepted"], mail.arrived[0][0], mail.arrived[0][1]["subject"]) == (True, "me@example.com", "Fan")
    mail.arrived.clear()
    assert (await running.client.post(f"{PATH}/start")).json()["type"] == "/problems/not-approved"
    await post(running, "submit")
    refused = await running.client.post(f"{PATH}/approve")
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/own-submission")
    operator = running.headers("operator", caller_id="other")
    assert (await running.client.post(f"{PATH}/approve", headers=operator)).status_code == 403
    boss = running.headers("approver", caller_id="boss")
    assert (await post(running, "approve", headers=boss))["approved_by"] == "boss"
    assert (await put(running, wanted | {"name": "Other"}))["state"] == "approved"
    assert (await put(running, wanted | {"rate": 5000}))["state"] == "draft", "a change takes the approval back"
    await post(running, "submit")
    await post(running, "reject", {"note": "shorter"}, headers=boss)
    assert (await running.client.get(PATH)).json()["note"] == "shorter"
    await begin(running, wanted)
    shown = await eventually(lambda: finished(running))
    assert shown["messages"] | {"accepted": 0} == dict.fromkeys(shown["messages"], 0) | {
        "skipped": 2,
        "held": len(held),
    }
    assert shown["reasons"] == {"no_consent": 1, "no_address": 1, "hold_out": len(held)}
    assert shown["planning"] == {"done": True, "planned": 40, "unknown": 0, "begins_at": None, "waits_for": None}
    assert sorted(mail.addresses) == sorted(f"p{n}@example.com" for n in range(1, 41) if n not in held | {7, 8})
    assert (await running.client.put(PATH, json=manual())).json()["type"] == "/problems/already-started"
    progress = (await running.client.get(f"{PATH}/progress")).json()
    assert (progress["total"], progress["done"], progress["planning_done"]) == (40, 40, True)

    reader = next(n for n in range(1, 41) if n not in held | {7, 8, 3, 5})
    letter = next(letter for address, letter in mail.arrived if address == f"p{reader}@example.com")
    assert letter["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert re.fullmatch(r"<http://marquee.test/t/u/[\w-]+>", "".join(letter["list-unsubscribe"].split()))
    part = letter.get_body(("html",))
    assert part is not None
    assert "shop.test" not in part.get_content(), "where it leads is known to the server alone"
    mine = next(one for one in await messages(running, "back") if one["profile_id"] == reader)
    gateway = await bus.connection("gateway")

    async def follow(kind: Any, agent: str | None = BROWSER, **more: Any) -> FollowAnswered:
        asked = FollowAsked(kind=kind, message_id=mine["id"], user_agent=agent, **more)
        with clock.at(datetime.now(UTC) + timedelta(minutes=1)):
            return await gateway.ask(asked, FollowAnswered)

    await follow("open", "curl/8")
    await follow("open", prefetch=True)
    report = (await running.client.get(f"{PATH}/report")).json()
    assert (report["funnel"]["opened"], report["funnel"]["machine_opened"]) == (0, 1)
    for _ in range(2):
        await follow("open")
        assert (await follow("click", link_id=1)).target == "https://shop.test/?a=1&b=2"
    assert not (await follow("click", link_id=99)).known
    await follow("unsubscribe")

    def ordered(viewer: int, id: str, after: timedelta = timedelta(), **properties: Any) -> EventRecorded:
        at = datetime.now(UTC) + after
        return EventRecorded(
            event_id=id, origin=f"user_id:u{viewer}", profile_id=viewer, event="Order Completed", time=at,
            received_at=at, history=True, properties={"kind": "a", "revenue": 10.5} | properties,
        )  # fmt: skip

    first = min(held)
    await running.tell(
        ordered(reader, "o1"), ordered(reader, "o1"), ordered(reader, "o2", revenue=2), ordered(reader, "o3", kind="b"),
        ordered(first, "o4", timedelta(days=2)), ordered(first, "o5", timedelta(days=8)), ordered(7, "o6"),
        ordered(reader, "o7", timedelta(days=-1)),
    )  # fmt: skip

    async def counted() -> dict[str, Any]:
        found: dict[str, Any] = (await running.client.get(f"{PATH}/report")).json()
        assert found["conversion"]["held_converted"] == 1, found
        return found

    report = await eventually(counted)
    sent = 38 - len(held)
    assert report["funnel"] == {
        "planned": 40, "sent": sent, "delivered": sent, "opened": 1, "clicked": 1, "converted": 1,
        "machine_opened": 0, "machine_clicked": 0, "unsubscribed": 1,
    }  # fmt: skip
    assert report["groups"] == {"sent": sent, "held": len(held)}
    assert report["links"] == [{"url": "https://shop.test/?a=1&b=2", "messages": 1, "clicks": 2}]
    assert {one["variant"]: one["sent"] for one in report["variants"]}["default"] >= sent - 2
    assert (report["revenue"]["sent_total"], report["revenue"]["held_total"]) == (12.5, 10.5)
    assert report["trend"][0]["sent_converted"] == 1
    assert report["trend"][0]["held_converted"] == 0, "that was on the third day"
    assert report["conversion"]["difference"]["low"] < 0 < report["conversion"]["difference"]["high"]
    with clock.at(datetime.now(UTC) + timedelta(days=30)):
        later = (await running.client.get(f"{PATH}/report")).json()
    assert [day["held_converted"] for day in later["trend"]] == [0, 0, 1, 1, 1, 1, 1]
    assert later["trend"][6]["complete"]
    noted = await running.client.post(
        "/v1/messages/receipts", json={"receipts": [{"message_id": mine["id"], "bounced": True}]}
    )
    assert noted.json() == {"noted": 1}
    assert (await running.client.get(f"{PATH}/report")).json()["funnel"]["delivered"] == sent - 1
    clicked = (await running.client.get(f"{PATH}/recipients", params={"step": "clicked"})).json()["items"]
    assert [one["profile_id"] for one in clicked] == [reader]
    lines = (await running.client.get(f"{PATH}/recipients.csv", params={"step": "held"})).text.splitlines()
    assert len(lines) == 1 + len(held)
    whole = (await running.client.get("/v1/messages", params={"profile": "user_id:u7"})).json()["items"]
    assert [(one["campaign"], one["state"], one["reason"]) for one in whole] == [("back", "skipped", "no_consent")]


async def test_a_list_names_viewers_by_any_id_and_each_gets_one(
    campaign: Campaign, mail: MailServer, people: People, segments: Segments
) -> None:
    people.unknown = {"user_id:u9"}
    running = await campaign()
    shown = await put(running, manual({"list": ["1", "user_id:u1", "user_id:u2", "user_id:u9"]}))
    assert shown["trigger"]["manual"] == {"segment": None, "list_length": 4}
    assert (await post(running, "estimate"))["unknown_refs"] == 1
    await begin(running, manual({"list": ["1", "user_id:u1", "user_id:u2", "user_id:u9"]}))
    shown = await eventually(lambda: finished(running))
    assert shown["planning"] == {"done": True, "planned": 2, "unknown": 1, "begins_at": None, "waits_for": None}
    assert sorted(mail.addresses) == ["p1@example.com", "p2@example.com"]
    assert {one.targeted for one in people.asked} == {False}, "who was named was not chosen by what he did"


async def test_pause_resume_and_cancel(
    campaign: Campaign, mail: MailServer, people: People, segments: Segments
) -> None:
    segments.of = {"silent": list(range(1, 51))}
    running = await campaign()
    await begin(running, manual(rate=20))

    async def some() -> None:
        assert len(mail.arrived) >= 3

    await eventually(some)
    await post(running, "pause")
    await eventually(lambda: settled(running))
    went = len(mail.arrived)
    assert went < 30
    progress = (await running.client.get(f"{PATH}/progress")).json()
    assert (progress["state"], progress["eta"], progress["states"]["planned"]) == ("paused", None, 50 - went)
    await post(running, "resume")

    async def more() -> None:
        assert len(mail.arrived) > went

    await eventually(more)
    assert (await running.client.get(f"{PATH}/progress")).json()["eta"] is not None
    await post(running, "cancel")
    await eventually(lambda: settled(running))
    shown = (await running.client.get(PATH)).json()
    assert shown["state"] == "cancelled"
    assert shown["messages"]["accepted"] + shown["reasons"]["cancelled"] == 50
    assert (await running.client.post(f"{PATH}/start")).json()["type"] == "/problems/campaign-over"


async def settled(running: Running) -> None:
    states = (await running.client.get(PATH)).json()["messages"]
    assert states["claimed"] + states["calling"] == 0


async def test_a_rate_is_kept(campaign: Campaign, mail: MailServer, people: People, segments: Segments) -> None:
    segments.of = {"silent": list(range(1, 31))}
    running = await campaign()
    began = datetime.now(UTC)
    await begin(running, manual(rate=15))
    await eventually(lambda: finished(running), timeout=20)
    assert (datetime.now(UTC) - began).total_seconds() > 30 / 15 - 0.3


async def test_whom_the_cap_would_stop_is_not_in_the_hold_out_either(
    campaign: Campaign, mail: MailServer, people: People, segments: Segments
) -> None:
    everyone = list(range(1, 31))
    held = [n for n in everyone if experiment.bucket("holdout:second", str(n)) < 0.4]
    had = {held[0], next(n for n in everyone if n not in held)}
    running = await campaign(marketing_cap=1)
    await begin(running, manual({"list": [str(n) for n in sorted(had)]}))
    assert (await eventually(lambda: finished(running)))["messages"]["accepted"] == 2
    await begin(running, manual({"list": [str(n) for n in everyone]}, holdout=0.4), "/v1/campaigns/second")
    shown = await eventually(lambda: finished(running, "/v1/campaigns/second"))
    assert shown["reasons"] == {"capped": 2, "hold_out": len(held) - 1}


async def test_the_cap_counts_over_campaigns_and_spares_transactional_ones(
    campaign: Campaign, mail: MailServer, people: People, segments: Segments
) -> None:
    segments.of = {"silent": [1, 2]}
    running = await campaign(marketing_cap=1)
    turned_away: list[str] = []

    def reply(address: str) -> str:
        if address.startswith("p2@") and not turned_away:
            turned_away.append(address)
            return "450 later"
        return "250 OK"

    mail.rcpt = reply
    await begin(running, manual())
    await eventually(lambda: waits(running, PATH, {"try_later": 1}))
    assert mail.addresses == ["p1@example.com"]
    await begin(running, manual({"list": ["1"]}), "/v1/campaigns/second")
    second = await eventually(lambda: finished(running, "/v1/campaigns/second"))
    assert second["reasons"] == {"capped": 1}
    await begin(running, manual({"list": ["1"]}, transactional=True), "/v1/campaigns/receipt")
    assert (await eventually(lambda: finished(running, "/v1/campaigns/receipt")))["messages"]["accepted"] == 1
    # Viewer 2 was told "later": his place is free, so the next campaign reaches him.
    await begin(running, manual({"list": ["2"]}), "/v1/campaigns/third")
    assert (await eventually(lambda: finished(running, "/v1/campaigns/third")))["messages"]["accepted"] == 1
    # What 1 was sent counts for whom he becomes part of.
    at = datetime.now(UTC)
    await running.tell(ProfileMerged(from_id=1, into_id=9, origins=["user_id:u1"], move=1, at=at))
    await start_automatic(running)
    await running.tell(entered(9))
    capped = await eventually(lambda: ended_as(running, "welcome", "skipped"))
    assert capped["reason"] == "capped"


async def arrived(mail: MailServer, number: int) -> None:
    assert len(mail.arrived) >= number


async def ended_as(running: Running, key: str, state: str) -> dict[str, Any]:
    found = await messages(running, key)
    assert [one["state"] for one in found] == [state]
    return found[0]


async def test_quiet_hours_and_local_times_are_the_viewers(
    campaign: Campaign, mail: MailServer, people: People, segments: Segments
) -> None:
    segments.of = {"silent": [1, 2]}
    now = datetime.now(UTC)
    # A zone in which it is about noon, and one in which it is about midnight.
    noon, night = (f"Etc/GMT{now.hour - base:+d}" for base in (12, 0 if now.hour <= 12 else 24))
    people.traits = {1: {"timezone": noon}, 2: {"timezone": night}}
    running = await campaign()
    await begin(running, manual(quiet_hours={"from": "21:00", "to": "07:00"}))
    await eventually(lambda: arrived(mail, 1))
    waiting = await eventually(lambda: waits(running, PATH, {"quiet_hours": 1}))
    assert (mail.addresses, waiting["state"]) == (["p1@example.com"], "running")
    local = (now.replace(tzinfo=None) - timedelta(hours=now.hour - 12, minutes=30)).isoformat()
    await begin(running, manual(time={"local": local}), "/v1/campaigns/noon", late=True)
    # Both clocks are asked: where it is past half past eleven it goes out, where it is not yet that time it waits.
    found = await eventually(lambda: waits(running, "/v1/campaigns/noon", None))
    assert found["done"] + sum(found["waiting"].values()) == 2


async def waits(running: Running, path: str, expected: dict[str, int] | None) -> dict[str, Any]:
    found: dict[str, Any] = (await running.client.get(f"{path}/progress")).json()
    assert found["waiting"] == expected if expected is not None else found["total"] == 2, found
    assert found["states"]["claimed"] + found["states"]["calling"] == 0
    if expected is None:
        assert found["done"] + sum(found["waiting"].values()) == 2, found
    return found


async def test_other_channels_are_kept_in_the_sink_and_the_inbox(
    campaign: Campaign, people: People, segments: Segments
) -> None:
    segments.of = {"silent": [1]}
    running = await campaign(smtp_url="sink:")
    sms = manual() | {"channel": "sms", "content": {"body": "Hi {{ profile.id }}"}}
    await begin(running, sms, "/v1/campaigns/sms")
    push = manual() | {"channel": "push", "content": {"subject": "T", "body": "P", "link": "https://app.test/x"}}
    await begin(running, push, "/v1/campaigns/push")
    await begin(running, push | {"channel": "inbox"}, "/v1/campaigns/inbox")
    await begin(running, manual(), "/v1/campaigns/mail")
    for name in ("sms", "push", "inbox", "mail"):
        done = await eventually(lambda name=name: finished(running, f"/v1/campaigns/{name}"))  # type: ignore[misc]
        assert done["messages"]["accepted"] == 1
    kept = (await running.client.get("/v1/outbox")).json()["items"]
    assert {(one["channel"], one["campaign"]) for one in kept} == {("sms", "sms"), ("push", "push"), ("email", "mail")}
    [text] = (await running.client.get("/v1/outbox", params={"channel": "sms"})).json()["items"]
    assert (text["body"].splitlines()[0], text["subject"]) == ("Hi 1", None)
    [note] = (await running.client.get("/v1/viewers/user_id:u1/inbox")).json()["items"]
    assert (note["subject"], note["read_at"]) == ("T", None)
    assert note["link"].startswith("http://marquee.test/t/c/")
    at = datetime.now(UTC)
    read = EventRecorded(
        event_id="r", origin="user_id:u1", profile_id=1, event="Inbox Message Read", time=at, received_at=at,
        properties={"message_id": note["message_id"]},
    )  # fmt: skip
    await running.tell(read)

    async def is_read() -> None:
        assert (await running.client.get("/v1/viewers/1/inbox", params={"unread": True})).json()["items"] == []

    await eventually(is_read)
    assert (await running.client.get("/v1/campaigns/inbox/report")).json()["funnel"]["opened"] == 1


async def test_an_address_that_does_not_exist_is_not_tried_again(
    campaign: Campaign, mail: MailServer, people: People, segments: Segments
) -> None:
    mail.rcpt = lambda address: "550 5.1.1 no such user" if address.startswith("p1@") else "550 5.7.1 policy"
    running = await campaign()
    await begin(running, manual({"list": ["1", "2"]}))
    assert (await eventually(lambda: finished(running)))["reasons"] == {"refused": 2}
    await begin(running, manual({"list": ["1", "2"]}), "/v1/campaigns/again")
    again = await eventually(lambda: finished(running, "/v1/campaigns/again"))
    assert again["reasons"] == {"suppressed": 1, "refused": 1}


async def test_a_campaign_of_the_past(campaign: Campaign, people: People, segments: Segments) -> None:
    running = await campaign()
    await put(running, manual(conversion={"event": "Content Liked", "within": "7d"}))
    began = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [
        {"ref": f"user_id:u{n}", "state": "held" if n > 3 else "accepted", "at": began.isoformat()} for n in range(1, 6)
    ]
    told = await post(running, "history", {"messages": rows})
    assert told == {"added": 5, "unknown": []}
    assert (await post(running, "history", {"messages": rows}))["added"] == 0
    liked = EventRecorded(
        event_id="x", origin="user_id:u1", profile_id=1, event="Content Liked", time=began + timedelta(days=1),
        received_at=datetime.now(UTC), history=True,
    )  # fmt: skip
    await running.tell(liked)

    async def counted() -> dict[str, Any]:
        found: dict[str, Any] = (await running.client.get(f"{PATH}/report")).json()
        assert found["conversion"]["sent_converted"] == 1, found
        return found

    report = await eventually(counted)
    assert (report["groups"], report["state"]) == ({"sent": 3, "held": 2}, "finished")
    assert [day["sent_converted"] for day in report["trend"]] == [0, 1, 1, 1, 1, 1, 1]
