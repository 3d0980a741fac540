"""The SMTP adapter: what each kind of failure means, and that connections are reused."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from services.campaign.outside import dialogue
from services.campaign.outside.parcels import Fate, Parcel, Stage
from services.campaign.outside.smtp import BadServer, PostOffice, server
from tests.campaign.mail import MailServer, serving
from tests.harness.eventually import eventually


def to(address: str) -> Parcel:
    return Parcel("k", "email", address, "x", "body", raw=b"Subject: x\r\n\r\n.\r\nbody\r\n")


@pytest.fixture(params=[True, False], ids=["together", "one by one"])
async def post(mail: MailServer, request: pytest.FixtureRequest) -> AsyncIterator[PostOffice]:
    mail.together = request.param
    office = PostOffice(server(mail.url), connections=3, name="test", sender="marquee@localhost")
    yield office
    await office.close()


async def test_many_letters_share_few_connections(mail: MailServer, post: PostOffice) -> None:
    outcomes = await asyncio.gather(*(post.deliver(to(f"p{n}@example.com")) for n in range(60)))
    assert {outcome.fate for outcome in outcomes} == {Fate.ACCEPTED}
    assert sorted(mail.addresses) == sorted(f"p{n}@example.com" for n in range(60))
    assert mail.connections <= 3
    assert mail.arrived[0][1].get_content() == ".\r\nbody\r\n"


async def test_refusals_do_not_spoil_the_connection(mail: MailServer, post: PostOffice) -> None:
    mail.rcpt = lambda address: {"no": "550 no", "later": "450 later"}.get(address.partition("@")[0], "250 OK")
    mail.data = lambda address: {"bad": "554 spam", "full": "452 full"}.get(address.partition("@")[0], "250 OK")
    found = [await post.deliver(to(f"{name}@x.example")) for name in ("no", "later", "bad", "full", "ok")]
    assert [outcome.fate for outcome in found] == [Fate.REFUSED, Fate.LATER, Fate.REFUSED, Fate.LATER, Fate.ACCEPTED]
    assert [outcome.said for outcome in found[:4]] == ["550 no", "450 later", "554 spam", "452 full"]
    assert mail.connections == 1


async def test_silence_after_the_data_is_unknown_and_the_next_letter_gets_a_new_connection(
    mail: MailServer, post: PostOffice
) -> None:
    mail.keeps_silent = lambda address: address.startswith("silent")
    assert (await post.deliver(to("silent@x.example"))).fate is Fate.UNKNOWN
    assert (await post.deliver(to("ok@x.example"))).fate is Fate.ACCEPTED
    assert mail.connections == 2


async def test_a_slow_answer_after_the_data_is_unknown(
    mail: MailServer, post: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialogue, "DATA_SECONDS", 0.1)
    mail.gate.clear()
    assert (await post.deliver(to("slow@x.example"))).fate is Fate.UNKNOWN


async def test_a_connection_the_server_closed_meanwhile_is_replaced() -> None:
    async with serving() as mail:
        office = PostOffice(server(mail.url), connections=1, name="test", sender="marquee@localhost")
        assert (await office.deliver(to("a@x.example"))).fate is Fate.ACCEPTED
        mail.hang_up()
        assert (await office.deliver(to("b@x.example"))).fate is Fate.ACCEPTED
        await office.close()
    assert mail.addresses == ["a@x.example", "b@x.example"]


async def test_nobody_there_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        office = PostOffice(
            server(f"smtp://127.0.0.1:{taken.getsockname()[1]}"), connections=1, name="test", sender="marquee@localhost"
        )
        outcome = await office.deliver(to("a@x.example"))
    assert outcome.fate is Fate.UNREACHABLE
    assert "Connect" in outcome.said or "connect" in outcome.said


async def test_a_server_that_only_hangs_up_is_not_accepted() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    office = PostOffice(server(f"smtp://127.0.0.1:{port}"), connections=1, name="test", sender="marquee@localhost")
    assert (await office.deliver(to("a@x.example"))).fate in (Fate.UNREACHABLE, Fate.LATER)
    listening.close()


async def test_a_cancelled_delivery_gives_its_connection_back_to_nobody(mail: MailServer, post: PostOffice) -> None:
    mail.gate.clear()
    deliveries = [asyncio.create_task(post.deliver(to(f"p{n}@x.example"))) for n in range(3)]
    await eventually(lambda: mail.at_gate == 3)
    for delivery in deliveries:
        delivery.cancel()
    await asyncio.gather(*deliveries, return_exceptions=True)
    mail.gate.set()
    assert (await post.deliver(to("ok@x.example"))).fate is Fate.ACCEPTED
    assert mail.connections == 4


async def test_what_stands_in_an_address_cannot_become_a_command(mail: MailServer, post: PostOffice) -> None:
    for bad in ("a@x.example>\r\nRCPT TO:<b@x.example", "a b@x.example", "", "\u00e4@x.example"):
        assert (await post.deliver(to(bad))).fate is Fate.REFUSED
    assert mail.arrived == []


async def test_who_refuses_is_told_by_how_far_it_came(mail: MailServer, post: PostOffice) -> None:
    mail.sender = lambda _: "550 sender"
    assert (await post.deliver(to("a@x.example"))).stage is Stage.SENDER
    mail.sender = lambda _: "250 OK"
    mail.rcpt = lambda _: "550 recipient"
    assert (await post.deliver(to("a@x.example"))).stage is Stage.RECIPIENT
    mail.rcpt = lambda _: "250 OK"
    mail.data = lambda _: "550 content"
    assert (await post.deliver(to("a@x.example"))).stage is Stage.CONTENT
    mail.data = lambda _: "250 OK"
    assert (await post.deliver(to("a@x.example"))).fate is Fate.ACCEPTED
    assert mail.connections == 1


async def test_what_may_not_be_sent_any_more_is_not_begun(mail: MailServer, post: PostOffice) -> None:
    assert (await post.deliver(to("a@x.example"), lambda: False)).fate is Fate.UNBEGUN
    answers = iter([True, False])
    assert (await post.deliver(to("a@x.example"), lambda: next(answers))).fate is Fate.UNBEGUN
    assert mail.arrived == []


@pytest.mark.parametrize(
    ("said", "fates"),
    [
        (b"250 sender\r\n250 recipient\r\n354 go\r\n250 two\r\n250 at once\r\n", {Fate.LATER}),
        (b"250-sender\r\n250 so\r\n550-no\r\n550 such user\r\n354 go\r\n", {Fate.REFUSED}),
        (b"what is this\r\n", {Fate.LATER, Fate.UNREACHABLE}),
        (b"421 closing\r\n", {Fate.LATER, Fate.UNREACHABLE}),
        (b"x" * 100_000, {Fate.LATER, Fate.UNREACHABLE}),
    ],
)
async def test_a_server_that_speaks_no_proper_smtp_spoils_nothing(said: bytes, fates: set[Fate]) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        await reader.readuntil(b"\r\n")
        writer.write(b"250-x\r\n250 PIPELINING\r\n")
        await reader.readuntil(b"DATA\r\n")
        writer.write(said)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"QUIT\r\n")
        writer.close()

    listening = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    office = PostOffice(server(f"smtp://127.0.0.1:{port}"), connections=1, name="test", sender="marquee@localhost")
    async with asyncio.timeout(10):
        assert (await office.deliver(to("a@x.example"))).fate in fates
        await office.close()
    listening.close()


def test_server_addresses() -> None:
    plain = server("smtp://mail.example:2525")
    assert (plain.host, plain.port, plain.tls, plain.starttls) == ("mail.example", 2525, False, None)
    assert server("smtp://u:p%40ss@mail.example").starttls is True
    assert server("smtp://u:p%40ss@mail.example").password == "p@ss"
    assert server("smtp://u:p@127.0.0.1").starttls is None
    assert server("smtp://u:p@mail.example?starttls=never").starttls is False
    assert (server("smtps://mail.example").tls, server("smtps://mail.example").starttls) == (True, False)
    for bad in ("mail.example:25", "http://mail.example", "smtp://", "smtp://x?starttls=maybe"):
        with pytest.raises(BadServer):
            server(bad)
