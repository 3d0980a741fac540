"""What providers refuse: only an address that will never work is remembered, and our own faults lose nobody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from services.campaign.rules import addresses, sending
from services.campaign.rules.sending import Blame
from tests.campaign.conftest import People
from tests.campaign.mail import MailServer
from tests.campaign.samples import ended, entered, messages, start
from tests.harness.eventually import eventually
from tests.harness.houses import Running

Campaign = Callable[..., Awaitable[Running]]
SUPPRESSIONS = "/v1/messages/suppressions"


@pytest.mark.parametrize(
    ("stage", "said", "blame"),
    [
        ("recipient", "550 5.1.1 <bob@x.example>: Recipient address rejected: User unknown", Blame.ADDRESS),
        ("recipient", "550 no such mailbox", Blame.ADDRESS),
        ("recipient", "550 Requested action not taken: mailbox unavailable", Blame.ADDRESS),
        ("recipient", "550-5.1.1 The email account that you tried to reach does not exist.", Blame.ADDRESS),
        ("recipient", "550 5.2.1 mailbox disabled", Blame.ADDRESS),
        ("recipient", "556 5.1.10 null MX", Blame.ADDRESS),
        ("recipient", "552 5.2.2 mailbox full", Blame.MESSAGE),
        ("recipient", "550 5.7.1 policy", Blame.MESSAGE),
        ("recipient", "550 blocked", Blame.MESSAGE),
        ("recipient", "550 5.7.1 Service unavailable; Client host [10.0.0.1] blocked using a list", Blame.OURS),
        ("recipient", "553 5.1.8 <a@b.example>: Sender address rejected: Domain not found", Blame.OURS),
        ("recipient", "530 5.7.0 Authentication required", Blame.OURS),
        ("recipient", "554 5.7.1 <bob@x.example>: Relay access denied", Blame.RELAY),
        ("recipient", "550 relay not permitted for this user", Blame.RELAY),
        ("sender", "550 5.1.1 no such user", Blame.OURS),
        ("sender", "550 5.1.0 Sender rejected", Blame.OURS),
        ("content", "550 Message rejected as spam", Blame.MESSAGE),
        ("content", "550 5.6.0 not well formed", Blame.MESSAGE),
        ("content", "550 5.1.1 no such user", Blame.MESSAGE),
    ],
)
def test_whose_fault_a_refusal_is(stage: str, said: str, blame: Blame) -> None:
    assert sending.blame(stage, said) is blame


@pytest.mark.parametrize(
    ("said", "address", "shown"),
    [
        ("550 <Bob@X.example> unknown", "bob@x.example", "550 <B•••@X.example> unknown"),
        ("550 user bob unknown", "bob@x.example", "550 user ••• unknown"),
        ("551 moved to other@y.example", "bob@x.example", "551 moved to o•••@y.example"),
        ("553 <we@our.example> rejected", "bob@x.example", "553 <we@our.example> rejected"),
        ("no SMS to +8613800000001", "+8613800000001", "no SMS to •••01"),
        ("250 \x00ok \ud800", "bob@x.example", "250 ?ok ?"),
    ],
)
def test_words_of_a_provider_do_not_show_the_address(said: str, address: str, shown: str) -> None:
    assert addresses.scrubbed(said, address, but="we@our.example") == shown


async def suppressed(running: Running) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await running.client.get(SUPPRESSIONS)).json()["items"]
    return found


async def test_a_refused_sender_suppresses_nobody_and_loses_nothing(
    campaign: Campaign, mail: MailServer, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "CLOSED_RETRY", timedelta(milliseconds=200))
    mail.sender = lambda _: "553 5.1.8 Sender address rejected"
    running = await campaign()
    await start(running)
    await running.tell(entered(1, 17, 33))

    async def held_up() -> None:
        found = await messages(running)
        assert [(one["state"], one["reason"], one["attempts"]) for one in found] == [("planned", "smtp_refuses", 0)] * 3
        shown = (await running.client.get("/v1/campaigns/welcome")).json()["delivery"]
        assert shown["ready"] is False
        assert "takes nothing from us, check MARQUEE_MAIL_FROM" in shown["reason"]
        assert "553 5.1.8" in shown["reason"]

    await eventually(held_up)
    assert await suppressed(running) == []
    mail.sender = lambda _: "250 OK"
    found = await eventually(lambda: ended(running, 3))
    assert {(one["state"], one["attempts"]) for one in found} == {("accepted", 1)}
    assert (await running.client.get("/v1/campaigns/welcome")).json()["delivery"]["ready"] is True


async def test_a_server_that_dislikes_us_when_it_hears_the_recipient_is_held_up_too(
    campaign: Campaign, mail: MailServer, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "CLOSED_RETRY", timedelta(milliseconds=200))
    mail.rcpt = lambda address: f"550 5.7.1 <{address}>: Client host rejected"
    running = await campaign(smtp_attempts=50)
    await start(running)
    await running.tell(entered(1, 17))

    async def held_up() -> None:
        found = await messages(running)
        assert {(one["state"], one["reason"]) for one in found} == {("planned", "smtp_refuses")}
        assert "p1@" not in str(found)

    await eventually(held_up)
    assert "p1@" not in (await running.client.get("/v1/campaigns/welcome")).text
    mail.rcpt = lambda _: "250 OK"
    assert {one["state"] for one in await eventually(lambda: ended(running, 2))} == {"accepted"}
    assert await suppressed(running) == []


async def test_a_verdict_on_the_content_fails_the_message_and_no_address(
    campaign: Campaign, mail: MailServer, people: People
) -> None:
    mail.data = lambda _: "550 Message rejected as spam"
    running = await campaign()
    await start(running)
    await running.tell(entered(1, 17))
    found = await eventually(lambda: ended(running, 2))
    assert {(one["state"], one["reason"]) for one in found} == {("failed", "refused")}
    assert await suppressed(running) == []


async def test_addresses_that_are_gone_are_listed_and_lifted(
    campaign: Campaign, mail: MailServer, people: People
) -> None:
    mail.rcpt = lambda address: "250 OK" if address.startswith("p33@") else f"550 5.1.1 <{address}> unknown"
    running = await campaign()
    await start(running)
    await running.tell(entered(1, 17, 33))
    found = {one["profile_id"]: one for one in await eventually(lambda: ended(running, 3))}
    assert found[1]["detail"] == "550 5.1.1 <p•••@example.com> unknown"
    listed = {one["profile_id"]: one for one in await suppressed(running)}
    assert set(listed) == {1, 17}
    assert (listed[1]["channel"], listed[1]["reason"], listed[1]["campaign"]) == ("email", "refused", "welcome")
    assert (listed[1]["message_id"], listed[1]["said"]) == (found[1]["id"], found[1]["detail"])
    page = (await running.client.get(SUPPRESSIONS, params={"limit": 1})).json()
    rest = (await running.client.get(SUPPRESSIONS, params={"limit": 1, "cursor": page["next"]})).json()
    assert {one["profile_id"] for one in (*page["items"], *rest["items"])} == {1, 17}
    assert rest["next"] is None
    bad = await running.client.get(SUPPRESSIONS, params={"cursor": "eyJhdCI6MX0"})
    assert bad.status_code == 422

    # A bounce that comes later counts as well, when it says that the address is gone.
    receipts = [{"message_id": found[33]["id"], "bounced": True, "detail": "550 5.1.1 p33@example.com: no such user"}]
    assert (await running.client.post("/v1/messages/receipts", json={"receipts": receipts})).json() == {"noted": 1}
    assert {one["profile_id"]: one["reason"] for one in await suppressed(running)}[33] == "bounced"
    assert "p33@" not in str(await messages(running))

    lifting = {"channel": "email", "addresses": ["P1@example.com"]}
    operator = running.headers("operator")
    refused = await running.client.post(f"{SUPPRESSIONS}/lift", json=lifting, headers=operator)
    assert refused.status_code == 403
    lifted = await running.client.post(f"{SUPPRESSIONS}/lift", json=lifting)
    assert (lifted.json(), lifted.headers["x-marquee-audit"]) == (
        {"lifted": 1},
        "addresses.lift channel:email lifted:1 addresses:1",
    )
    ids = [listed[17]["id"]]
    lifted = await running.client.post(f"{SUPPRESSIONS}/lift", json={"channel": "email", "ids": ids})
    assert lifted.json() == {"lifted": 1}
    assert ids[0] in lifted.headers["x-marquee-audit"]
    since = {"channel": "email", "since": found[33]["planned_at"]}
    assert (await running.client.post(f"{SUPPRESSIONS}/lift", json=since)).json() == {"lifted": 1}
    both = lifting | {"since": found[33]["planned_at"]}
    assert (await running.client.post(f"{SUPPRESSIONS}/lift", json=both)).status_code == 422
    mail.rcpt = lambda _: "250 OK"
    await running.tell(entered(1, 17, 33, minute=1))
    again = await eventually(lambda: ended(running, 6))
    assert {one["state"] for one in again[3:]} == {"accepted"}


async def test_a_bounce_that_may_pass_suppresses_nobody(campaign: Campaign, mail: MailServer, people: People) -> None:
    running = await campaign()
    await start(running)
    await running.tell(entered(1, 17))
    one, two = await eventually(lambda: ended(running, 2))
    receipts = [
        {"message_id": one["id"], "bounced": True, "detail": "552 5.2.2 mailbox full"},
        {"message_id": two["id"], "bounced": True, "detail": "550 5.1.1 unknown user", "gone": False},
    ]
    assert (await running.client.post("/v1/messages/receipts", json={"receipts": receipts})).json() == {"noted": 2}
    assert await suppressed(running) == []
    receipts = [{"message_id": two["id"], "bounced": False}]
    await running.client.post("/v1/messages/receipts", json={"receipts": receipts})
    receipts = [{"message_id": two["id"], "bounced": True, "gone": True}]
    await running.client.post("/v1/messages/receipts", json={"receipts": receipts})
    assert [one["profile_id"] for one in await suppressed(running)] == [two["profile_id"]]
