"""The catalogues: both languages say the same things, and every text that pages use is there."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from gateway.console import texts
from gateway.console.pages.sources.turned import MENDS

HERE = Path(texts.__file__).parent.parent
REPOSITORY = HERE.parent.parent
SOURCES = {path: path.read_text(encoding="utf-8") for path in sorted(HERE.rglob("*.py"))}
PLAIN = re.compile(r"""\b(?:t|text)\(\s*["']([a-z_0-9.]+[a-z_0-9])["']""")
BUILT = re.compile(r"""f?["']([a-z_0-9]+(?:\.[a-z_0-9]+)*\.)(?:\{|["'])""")
QUOTED = re.compile(r"""["']([a-z_0-9]+(?:\.[a-z_0-9]+)+)["']""")


def asked() -> set[str]:
    """Keys that a page asks for by name."""
    return {key for source in SOURCES.values() for key in PLAIN.findall(source)}


def quoted() -> set[str]:
    """Everything that may be a key: titles and entries are handed on before they are asked for."""
    return {key for source in SOURCES.values() for key in QUOTED.findall(source)}


def prefixes() -> set[str]:
    """Beginnings of keys that are put together: `t(f"roles.{role}")`."""
    return {prefix for source in SOURCES.values() for prefix in BUILT.findall(source)} | {
        "problems.",
        "events.",
        "traits.",
    }


def test_both_languages_say_the_same_things() -> None:
    ours, theirs = set(texts.catalogue("en")), set(texts.catalogue("zh"))
    only_said_by_the_api_in_english = {key for key in theirs - ours if key.startswith("problems.")}
    assert ours ^ theirs == only_said_by_the_api_in_english


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_every_text_that_is_used_is_there(language: str) -> None:
    assert sorted(key for key in asked() if not texts.known(language, key)) == []


def test_no_text_is_there_for_nothing() -> None:
    whole, beginnings = quoted(), tuple(prefixes())
    assert sorted(key for key in texts.catalogue("en") if key not in whole and not key.startswith(beginnings)) == []


def reasons() -> set[str]:
    """Why messages are not sent or wait, as the page about campaigns has them, and as campaign's source gives them."""
    told = re.search(
        r"## Why somebody got nothing\n(.*?)\n## ", (REPOSITORY / "docs/campaigns.md").read_text(), re.DOTALL
    )
    assert told is not None
    paragraph = told[1].strip().split("\n\n")[0]
    source = "".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "services/campaign").rglob("*.py"))
    given = re.findall(r"""\breason=["']([a-z_]+)["']""", source)
    return set(re.findall(r"`([a-z_]+)`", paragraph)) - {"held", "unknown"} | set(given)


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_every_reason_has_a_word(language: str) -> None:
    assert len(reasons()) > 20
    assert sorted(one for one in reasons() if not texts.known(language, f"messages.reasons.{one}")) == []


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_whatever_the_gateway_turns_away_has_a_word_and_a_remedy(language: str) -> None:
    given = re.compile(r"""Refused\(\s*4\d\d,\s*"([a-z_]+)\"""")
    gateway = REPOSITORY / "gateway"
    rooms = (gateway / "rules" / "events", gateway / "rules" / "sensors")
    source = [gateway / "edge" / "bodies.py", *(path for room in rooms for path in room.glob("*.py"))]
    codes = {one for path in source for one in given.findall(path.read_text(encoding="utf-8"))}
    assert len(codes) > 20
    assert sorted(codes ^ set(MENDS)) == []
    keys = {f"sources.turned.{one}" for one in codes} | {f"sources.mend.{one}" for one in MENDS.values()}
    assert sorted(key for key in keys if not texts.known(language, key)) == []


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_everything_the_audit_log_notes_has_a_word(language: str) -> None:
    noted = re.compile(r"""audit\.(?:note|write)\(\w+, (?:caller, )?"([a-z.\-]+)\"""")
    source = [path for room in ("services", "gateway") for path in (REPOSITORY / room).rglob("*.py")]
    actions = {one for path in source for one in noted.findall(path.read_text(encoding="utf-8"))}
    assert len(actions) > 20
    keys = {f"audit.actions.{one.replace('.', '_').replace('-', '_')}" for one in actions}
    assert sorted(key for key in keys if not texts.known(language, key)) == []


def test_values_have_the_same_names_in_both_languages() -> None:
    def names(key: str, language: str) -> set[str]:
        found = texts.catalogue(language)[key]
        whole = " ".join(found.values()) if isinstance(found, dict) else found
        return {name for _, name, _, _ in string.Formatter().parse(whole) if name}

    shared = set(texts.catalogue("en")) & set(texts.catalogue("zh"))
    assert {key: names(key, "zh") for key in shared if names(key, "zh") != names(key, "en")} == {}


def test_no_page_has_words_of_its_own() -> None:
    """Chinese letters stand in catalogues only; so do English sentences given to the parts that show them."""
    letters = re.compile(r"[\u4e00-\u9fff]")
    catalogue = HERE / "texts" / "__init__.py"
    docs = re.compile(r'"""[\s\S]*?"""|#.*')
    assert [
        str(path) for path, source in SOURCES.items() if path != catalogue and letters.search(docs.sub("", source))
    ] == []
    said = re.compile(r"""(?:ui\.label|parts\.(?:panel|button|figure|say|alert))\(\s*"(?!Marquee)[A-Za-z]{2,}[^"]*\"""")
    assert {str(path): said.findall(source) for path, source in SOURCES.items() if said.findall(source)} == {}


def test_a_text_is_chosen_by_number_and_language() -> None:
    assert texts.text("en", "person.orders", n=1) == "1 order"
    assert texts.text("en", "person.orders", n=2) == "2 orders"
    assert texts.text("zh", "person.orders", n=2) == "2 个订单"
    with pytest.raises(KeyError):
        texts.text("en", "no.such")
    assert [texts.preferred(accept) for accept in ("zh-CN,zh;q=0.9", "fr, en;q=0.5", "", "de")] == [
        "zh",
        "en",
        "en",
        "en",
    ]
