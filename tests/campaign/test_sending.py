"""Campaign as a whole: a fact comes in, an e-mail goes out, once."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import structs
from sqlalchemy import text

from shared.contracts import SEALED, Cause, MessageFailed, MessagePlanned, MessageSent
from tests.campaign.conftest import People
from tests.campaign.mail import MailServer
from tests.campaign.samples import ended, entered, event, messages, start, states, trigger
from tests.harness.eventually import eventually
from tests.harness.houses import Running

Campaign = Callable[..., Awaitable[Running]]


async def test_who_enters_a_segment_gets_one_mail(campaign: Campaign, mail: MailServer, people: People) -> None:
    people.traits[7] = {"name": "Ann <3"}
    running = await campaign()
    await start(running, html="<p>{{ profile.traits.name }}</p>")
    began = time.monotonic()
    await running.tell(entered(7))
    await eventually(lambda: mail.arrived)
    assert time.monotonic() - began < 2
    [message] = await eventually(lambda: ended(running, 1))
    assert (message["state"], message["profile_id"], message["attempts"]) == ("accepted", 7, 1)
    assert message["occasion"] == "segment_entered:likers@2026-01-02T03:04:05.678901+00:00"
    [(address, letter)] = mail.arrived
    assert address == "p7@example.com"
    assert letter["subject"] == "Hi Ann <3"
    assert letter["from"] == "Marquee <marquee@localhost>"
    assert letter["message-id"].startswith(f"<{message['id']}.")
    text, html = letter.get_body(("plain",)), letter.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().startswith("Hello Ann <3!")
    assert html.get_content().startswith("<p>Ann &lt;3</p>")
    assert '<img src="http://marquee.test/t/o/' in html.get_content()
    planned, sent = await eventually(lambda: told(running, 2))
    assert isinstance(planned, MessagePlanned)
    assert isinstance(sent, MessageSent)
    assert (sent.campaign, sent.profile_id, sent.occasion) == ("welcome", 7, message["occasion"])


async def told(running: Running, number: int) -> list[MessagePlanned | MessageSent | MessageFailed]:
    facts = await running.told()
    assert len(facts) == number
    return facts


async def test_leaving_and_events_trigger_too(campaign: Campaign, mail: MailServer, people: People) -> None:
    running = await campaign()
    await start(running, "bye", {"segment_left": "likers"}, subject="Bye from {{ segment.key }}")
    await start(running, "liked", {"event": "Content Liked"}, subject="You liked {{ event.properties.title }}")
    a_program = structs.replace(event(5, "e3"), bot="pace")
    await running.tell(entered(1, left=(17,)), event(3, title="Up"), event(4, "e2", history=True), a_program)
    [bye] = await eventually(lambda: ended(running, 1, "bye"))
    [liked] = await eventually(lambda: ended(running, 1, "liked"))
    assert (bye["profile_id"], liked["profile_id"], liked["occasion"]) == (17, 3, "event:e1")
    assert sorted(letter["subject"] for _, letter in mail.arrived) == ["Bye from likers", "You liked Up"]


async def test_what_viewers_write_is_missing_and_an_event_is_kept_until_it_is_sent(
    campaign: Campaign, mail: MailServer, people: People
) -> None:
    running = await campaign()
    written: dict[str, Any] = {
        "text": f"{SEALED}text:AAAA",
        "title": "Up",
        "lines": [f"{SEALED}text:BBBB", {"text": f"{SEALED}text:C"}],
    }
    shows = "{{ event.properties.title }}: {{ event.properties.text }}{{ event.properties.lines }}."
    await start(running, "blank", {"event": "Content Liked"}, subject=shows)
    await start(running, "strict", {"event": "Content Liked"}, subject=shows, missing="skip")
    await running.tell(event(3, **written))
    await eventually(lambda: ended(running, 1, "blank"))
    [skipped] = await eventually(lambda: ended(running, 1, "strict"))
    assert [letter["subject"] for _, letter in mail.arrived] == ["Up: {}."]
    assert (skipped["state"], skipped["reason"]) == ("skipped", "missing_value")
    assert "text" in skipped["detail"]
    async with running.db.transaction() as session:
        assert list(await session.scalars(text("SELECT event FROM messages WHERE event IS NOT NULL"))) == []


async def test_only_rule_and_time_are_news(campaign: Campaign, mail: MailServer) -> None:
    running = await campaign()
    await start(running)
    quiet: tuple[Cause, ...] = ("fill", "definition", "history", "merge", "split", "erase")
    await running.tell(*(entered(n, cause=cause) for n, cause in enumerate(quiet, 1)), entered(21, cause="time"))
    await eventually(lambda: ended(running, 1))
    assert mail.addresses == ["p21@example.com"]


async def test_a_bus_trigger_names_its_viewers(campaign: Campaign, mail: MailServer, people: People) -> None:
    running = await campaign()
    await start(running, "order", {"bus": "order"}, subject="{{ trigger.data.product }}")
    await running.tell(trigger(userId=["u1", "u2"], anonymousId="a3", profile_id=[4, 2], product="Socks"))
    found = await eventually(lambda: ended(running, 4, "order"))
    assert sorted(one["profile_id"] for one in found) == [1, 2, 3, 4]
    assert {one["occasion"] for one in found} == {"bus:order:t1"}
    assert {letter["subject"] for _, letter in mail.arrived} == {"Socks"}
    [kept] = (await running.client.get("/v1/campaigns/order/triggers")).json()["items"]
    assert (kept["state"], kept["recipients"], kept["unresolved"]) == ("planned", 4, [])


async def test_a_bad_trigger_is_visible_and_harms_no_other(campaign: Campaign, mail: MailServer) -> None:
    running = await campaign()
    await start(running, "order", {"bus": "order"})
    await running.tell(
        trigger("t1", product="nobody"),
        trigger("t2", profile_id="seven"),
        trigger("t3", profile_id=5),
        trigger("t4", profile_id=list(range(1, 1002))),
        trigger("t5", profile_id=True),
        trigger("t6", userId=""),
        trigger("t7", profile_id=6, note="\x00"),
    )
    await eventually(lambda: ended(running, 1, "order"))
    letters = (await running.client.get("/v1/services/campaign/dead-letters")).json()["items"]
    assert len(letters) == 6
    assert "a trigger carries userId, anonymousId or profile_id" in letters[-1]["error"]
    assert "at most 1000 viewers" in letters[-3]["error"]
    assert mail.addresses == ["p5@example.com"]


async def test_a_viewer_that_is_not_known_yet_is_asked_for_again(
    campaign: Campaign, mail: MailServer, people: People
) -> None:
    people.unknown = {"user_id:u9"}
    running = await campaign()
    await start(running, "order", {"bus": "order"})
    await running.tell(trigger(userId=["u8", "u9"]))
    await eventually(lambda: ended(running, 1, "order"))
    [kept] = (await running.client.get("/v1/campaigns/order/triggers")).json()["items"]
    assert (kept["state"], kept["unresolved"]) == ("waiting", ["user_id:u9"])
    people.unknown = set()
    await eventually(lambda: ended(running, 2, "order"))
    assert sorted(mail.addresses) == ["p8@example.com", "p9@example.com"]


async def test_a_trigger_nobody_listens_to_is_kept_as_ignored(campaign: Campaign) -> None:
    running = await campaign()
    await start(running, "order", {"bus": "order"})
    await running.client.post("/v1/campaigns/order/pause")
    await running.tell(trigger(userId="u1"))
    kept = await eventually(lambda: triggers(running))
    assert (kept[0]["state"], kept[0]["reason"]) == ("ignored", "no running campaign listens to it")
    assert await messages(running, "order") == []


async def triggers(running: Running) -> list[dict[str, str]]:
    found: list[dict[str, str]] = (await running.client.get("/v1/campaigns/order/triggers")).json()["items"]
    return found


async def test_each_message_that_is_not_sent_has_one_reason(
    campaign: Campaign, mail: MailServer, people: People
) -> None:
    people.refused = {1: "no_address", 17: "no_consent", 33: "unknown_profile"}
    people.traits[49] = {"name": "Bob"}
    people.traits[81] = {"name": "Cy"}
    mail.rcpt = lambda address: "550 no such mailbox" if address == "p81@example.com" else "250 OK"
    running = await campaign()
    await start(running, missing="skip")
    await running.tell(entered(1, 17, 33, 49, 65, 81))
    found = await eventually(lambda: ended(running, 6))
    assert {one["profile_id"]: (one["state"], one["reason"]) for one in found} == {
        1: ("skipped", "no_address"),
        17: ("skipped", "no_consent"),
        33: ("skipped", "unknown_profile"),
        49: ("accepted", None),
        65: ("skipped", "missing_value"),
        81: ("failed", "refused"),
    }
    details = {one["profile_id"]: one["detail"] for one in found}
    assert "profile.traits.name is undefined" in details[65]
    assert details[81] == "550 no such mailbox"
    shown = (await running.client.get("/v1/campaigns/welcome")).json()
    assert shown["reasons"] == {
        "no_address": 1, "no_consent": 1, "unknown_profile": 1, "missing_value": 1, "refused": 1
    }  # fmt: skip
    facts = await eventually(lambda: told(running, 12))
    failed = {fact.profile_id: fact.reason for fact in facts if isinstance(fact, MessageFailed)}
    assert failed[1] == "skipped: no_address"
    assert failed[81] == "failed: refused"
    assert people.asked[0].purpose == "marketing"


async def test_a_missing_name_does_not_block_a_message(campaign: Campaign, mail: MailServer) -> None:
    running = await campaign()
    await start(running)
    await running.tell(entered(1))
    await eventually(lambda: mail.arrived)
    assert mail.arrived[0][1]["subject"] == "Hi"


async def test_without_a_mail_server_messages_wait_and_say_why(campaign: Campaign, mail: MailServer) -> None:
    running = await campaign(smtp_url=None)
    await start(running)
    await running.tell(entered(1))
    await eventually(lambda: planned(running, 1))
    shown = (await running.client.get("/v1/campaigns/welcome")).json()
    assert shown["delivery"] == {"ready": False, "reason": "no SMTP server is configured: set MARQUEE_SMTP_URL"}
    assert shown["messages"]["planned"] == 1


async def planned(running: Running, number: int) -> None:
    assert await states(running) == {"planned": number}


async def test_a_paused_campaign_plans_nothing_and_holds_what_is_planned(
    campaign: Campaign, mail: MailServer, people: People
) -> None:
    running = await campaign(smtp_url=None)
    await start(running)
    await running.tell(entered(1))
    await eventually(lambda: planned(running, 1))
    await running.client.post("/v1/campaigns/welcome/pause")
    await start(running, "other")
    await running.tell(entered(2, minute=1))
    await eventually(lambda: states_of(running, "other", {"planned": 1}))
    assert await states(running) == {"planned": 1}


async def states_of(running: Running, key: str, expected: dict[str, int]) -> None:
    assert await states(running, key) == expected


async def test_a_planned_message_keeps_its_version(campaign: Campaign, mail: MailServer) -> None:
    running = await campaign()
    await start(running, subject="First")
    await running.client.post("/v1/campaigns/welcome/pause")
    await running.client.post("/v1/campaigns/welcome/start")
    mail.gate.clear()
    await running.tell(entered(1))
    await eventually(lambda: mail.at_gate == 1)
    await start(running, subject="Second")
    await running.tell(entered(2, minute=1))
    mail.gate.set()
    await eventually(lambda: ended(running, 2))
    assert [letter["subject"] for _, letter in mail.arrived] == ["First", "Second"]
    assert [one["version"] for one in await messages(running)] == [1, 2]


async def test_archiving_skips_what_is_planned(campaign: Campaign, mail: MailServer) -> None:
    running = await campaign(smtp_url=None)
    await start(running)
    await running.tell(entered(1))
    await eventually(lambda: planned(running, 1))
    assert (await running.client.delete("/v1/campaigns/welcome")).status_code == 204
    [message] = await messages(running)
    assert (message["state"], message["reason"]) == ("skipped", "archived")
    assert (await running.client.post("/v1/campaigns/welcome/start")).status_code == 409
    facts = await eventually(lambda: told(running, 2))
    assert facts[1].reason == "skipped: archived"
