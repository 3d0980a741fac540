"""What templates need not say: the way out of marketing, HTML of plain e-mails, links of plain texts, MJML."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from email.message import EmailMessage

import pytest

from services.campaign.rules import footers, mjml, tracking
from services.campaign.rules.letters import Text
from tests.campaign.conftest import People, Segments
from tests.campaign.mail import MailServer
from tests.campaign.samples import PATH, begin, body, finished, manual, post, put
from tests.harness.eventually import eventually
from tests.harness.houses import Running

Campaign = Callable[..., Awaitable[Running]]
URL = "http://marquee.test/t/u/x"


@pytest.mark.parametrize(
    ("subject", "said", "is_"),
    [
        ("Hi", "Hello", "en"),
        ("Hi", "你好", "zh"),
        ("回来看看", "x", "zh"),
        ("こんにちは世界", "x", "en"),
        (None, "", "en"),
    ],
)
def test_the_language_is_that_of_the_message(subject: str | None, said: str, is_: str) -> None:
    assert footers.language(Text(subject, said)) == is_


def test_a_way_out_is_added_where_there_is_none() -> None:
    text = footers.with_way_out(Text("Hi", "Hello", "<body><p>x</p></body>"), URL, "email")
    assert text.body.endswith(f"Unsubscribe: {URL}\n")
    assert text.html is not None
    assert re.search(rf'<a href="{URL}">Unsubscribe</a></p></body>$', text.html)
    assert footers.with_way_out(Text(None, "你好"), URL, "sms").body == f"你好\n退订: {URL}"
    own = Text("Hi", f"no more: {URL}", f'<a href="{URL}">no more</a>')
    assert footers.with_way_out(own, URL, "email") == own
    for channel in ("push", "inbox"):
        assert footers.with_way_out(Text("Hi", "x"), URL, channel) == Text("Hi", "x")


def test_plain_text_as_html() -> None:
    html = footers.with_html(Text("s", "A <b>\nsee https://a.test/?x=1&y=2.\n\nBye")).html
    assert html is not None
    assert "<p>A &lt;b&gt;<br>see " in html
    assert '<a href="https://a.test/?x=1&amp;y=2">https://a.test/?x=1&amp;y=2</a>.</p><p>Bye</p>' in html
    assert footers.with_html(Text("s", "x", "<i>y</i>")).html == "<i>y</i>"


def test_addresses_in_a_plain_text() -> None:
    said = "看https://a.test/x，还有(http://b.test/(y)). HTTPS://C.test! mailto:x@y ftp://z https://a.test/x"
    assert tracking.plain_targets(said) == ["https://a.test/x", "http://b.test/(y)", "HTTPS://C.test"]
    changed = tracking.plain_rewritten(said, {"https://a.test/x": "http://t/1"}.get)
    assert changed == said.replace("https://a.test/x", "http://t/1")
    assert tracking.plain_rewritten("nothing", lambda _: "x") == "nothing"


def test_mjml_becomes_html_with_its_liquid() -> None:
    source = (
        "<mjml><mj-body><mj-section><mj-column>{% for t in profile.traits.tags %}"
        "<mj-text>{% if a < 3 %}{{ profile.traits.name }}{% endif %}</mj-text>{% endfor %}"
        '<mj-button href="https://x.test/{{ profile.id }}?a=1&amp;b=2">Go</mj-button>'
        "</mj-column></mj-section></mj-body></mjml>"
    )
    made = mjml.html(source)
    assert "<html" in made
    assert "<mj" not in made
    for tag in ("{% for t in profile.traits.tags %}", "{% if a < 3 %}{{ profile.traits.name }}{% endif %}"):
        assert tag in made
    assert '<a href="https://x.test/{{ profile.id }}?a=1&amp;b=2"' in made
    assert mjml.html("<p>x</p>") == "<p>x</p>"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("<mjml>", "it is not MJML"),
        ('<mjml><mj-body><mj-include path="/etc/passwd"/></mj-body></mjml>', "it is not MJML"),
        ("<mjml><mj-body>" + "<mj-section>" * 3000 + "</mj-section>" * 3000 + "</mj-body></mjml>", "more than 500"),
    ],
)
def test_mjml_is_bounded(source: str, says: str) -> None:
    with pytest.raises(mjml.Broken, match=says):
        mjml.html(source)


async def test_bad_mjml_is_refused_when_it_is_saved(campaign: Campaign) -> None:
    client = (await campaign()).client
    for html, says in (
        ("<mjml><mj-body>", "it is not MJML"),
        ("<mjml><mj-body>{{ x }}</mj-body></mjml>", "not known"),
    ):
        answer = await client.put(PATH, json=body(html=html))
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "content.html"), html
        assert says in answer.json()["errors"][0]["message"]
    source = "<mjml><mj-body><mj-section><mj-column><mj-text>x</mj-text></mj-column></mj-section></mj-body></mjml>"
    saved = await client.put(PATH, json=body(html=source))
    assert saved.json()["content"]["html"] == source, "it stays as it was written"


def part(letter: EmailMessage, kind: str) -> str:
    found = letter.get_body((kind,))
    assert found is not None, kind
    text = found.get_content()
    assert isinstance(text, str)
    return text


async def test_a_plain_marketing_e_mail_has_a_way_out_and_is_counted(
    campaign: Campaign, mail: MailServer, people: People, segments: Segments
) -> None:
    running = await campaign()
    texts = {"subject": "回来看看", "body": "你好，看 https://shop.test/a 。"}
    await put(running, manual({"list": ["1"]}, content=texts))
    preview = await post(running, "preview", {"ref": "1"})
    assert "退订" in preview["body"]
    await begin(running, manual({"list": ["1"]}, content=texts))
    await eventually(lambda: finished(running))
    [(_, letter)] = mail.arrived
    way_out = "".join(letter["list-unsubscribe"].split())[1:-1]
    plain, html = part(letter, "plain"), part(letter, "html")
    assert f"退订: {way_out}" in plain
    assert f'<a href="{way_out}">退订</a>' in html
    assert "shop.test" not in plain
    assert re.search(r'<a href="http://marquee.test/t/c/[\w-]+">https://shop.test/a</a>', html)
    assert "http://marquee.test/t/c/" in plain
    assert "http://marquee.test/t/o/" in html
    links = (await running.client.get(f"{PATH}/report")).json()["links"]
    assert [one["url"] for one in links] == ["https://shop.test/a"]


async def test_transactional_and_untracked_ones_stay_as_they_are(
    campaign: Campaign, mail: MailServer, people: People, segments: Segments
) -> None:
    running = await campaign()
    texts = {"subject": "Hi", "body": "see https://shop.test/a"}
    await begin(running, manual({"list": ["1"]}, content=texts, transactional=True, tracking=False))
    await eventually(lambda: finished(running))
    [(_, letter)] = mail.arrived
    assert letter.get_content_type() == "text/plain"
    assert letter.get_content().strip() == "see https://shop.test/a"


async def test_links_of_an_sms_are_counted(campaign: Campaign, people: People, segments: Segments) -> None:
    running = await campaign()
    sms = manual({"list": ["1"]}) | {"channel": "sms", "content": {"body": "Go: https://shop.test/a"}}
    await begin(running, sms)
    await eventually(lambda: finished(running))
    [kept] = (await running.client.get("/v1/outbox", params={"channel": "sms"})).json()["items"]
    assert re.fullmatch(
        r"Go: http://marquee.test/t/c/[\w-]+\nUnsubscribe: http://marquee.test/t/u/[\w-]+", kept["body"]
    )
    links = (await running.client.get(f"{PATH}/report")).json()["links"]
    assert [one["url"] for one in links] == ["https://shop.test/a"]
