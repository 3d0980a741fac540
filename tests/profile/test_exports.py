"""Exports open right in Excel, hold no formulas and no contact data, and come back through an import as they were."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.profile.actions import following, search
from services.profile.actions.events import absorb
from services.profile.outside import sheets
from services.profile.rules import cells, workbook
from services.profile.rules.workbook import Workbook
from shared.contracts import AmongAnswered, AmongAsked, EventReceived, SegmentDefined
from tests.harness.bus import TestBus
from tests.harness.houses import Running
from tests.profile.samples import call


async def take(running: Running, *items: EventReceived) -> None:
    async with running.db.transaction() as session:
        await absorb(session, list(items))
    async with running.db.transaction() as session:
        await search.refresh(session)


async def export(running: Running, *, role: str = "operator", **order: Any) -> bytes:
    made = await running.client.post("/v1/exports", json=order, headers=running.headers("operator"))
    assert made.status_code == 201, made.text
    answer = await running.client.get(made.json()["file"], headers=running.headers(role))
    assert answer.status_code == 200, answer.text
    return answer.content


def table(content: bytes) -> list[list[str]]:
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


async def sheet(content: bytes, tmp_path: Path) -> list[list[str]]:
    path = tmp_path / "book.xlsx"
    await asyncio.to_thread(path.write_bytes, content)
    return [line async for line in sheets.lines_of_workbook(path)]


PEOPLE = (
    call("identify", user_id="u1", traits={"name": "张三", "age": 20, "email": "bob@example.com", "likes": ["a", "b"]}),
    call("identify", user_id="u2", traits={"name": '=HYPERLINK("http://x")', "age": -3, "note": "a, b; -c"}),
    call(anonymous_id="a1"),
)
COLUMNS = ["profile_id", "id:user_id", "trait:name", "trait:age", "trait:email", "trait:likes", "trait:note", "events"]


async def test_a_csv_holds_whom_and_what_was_asked(running: Running) -> None:
    await take(running, *PEOPLE)
    assert table(await export(running, columns=COLUMNS)) == [
        ["profile_id", "user_id", "name", "age", "email", "likes", "note", "events"],
        ["3", "", "", "", "", "", "", "1"],
        ["2", "u2", '\'=HYPERLINK("http://x")', "-3", "", "", "a, b;' -c", "0"],
        ["1", "u1", "张三", "20", "b•••@example.com", "a; b", "", "0"],
    ]
    only = await export(running, columns=COLUMNS[:2], filter={"trait": ["age:gt:0"], "name": "三"})
    assert table(only) == [["profile_id", "user_id"], ["1", "u1"]]
    await take(running, call(user_id="crawler", context={"userAgent": "Googlebot/2.1"}))
    for bot, ids in ((False, ["3", "2", "1"]), (True, ["4"])):
        told = table(await export(running, columns=["profile_id"], filter={"bot": bot}))
        assert [line[0] for line in told[1:]] == ids


async def test_only_an_admin_gets_contact_data(running: Running) -> None:
    await take(running, *PEOPLE)
    order: dict[str, Any] = {"columns": ["id:user_id", "trait:email"], "filter": {"has": ["email"]}}
    assert table(await export(running, **order))[1] == ["u1", "b•••@example.com"]
    assert table(await export(running, role="admin", **order))[1] == ["u1", "bob@example.com"]
    answer = await running.client.get("/v1/exports/1/file", headers=running.headers("admin"))
    assert answer.headers["x-marquee-audit"] == "contacts.exported export:1"
    assert (await running.client.get("/v1/exports/1/file", headers=running.headers("viewer"))).status_code == 403


async def test_an_xlsx_holds_texts_as_texts(running: Running, tmp_path: Path) -> None:
    await take(running, *PEOPLE)
    content = await export(running, columns=COLUMNS, format="xlsx")
    assert await sheet(content, tmp_path) == [
        ["profile_id", "user_id", "name", "age", "email", "likes", "note", "events"],
        ["3", "", "", "", "", "", "", "1"],
        ["2", "u2", '=HYPERLINK("http://x")', "-3", "", "", "a, b; -c", "0"],
        ["1", "u1", "张三", "20", "b•••@example.com", "a; b", "", "0"],
    ]


async def test_pseudonyms_say_nothing_and_stay(running: Running) -> None:
    await take(running, *PEOPLE)
    order: dict[str, Any] = {"columns": ["profile_id", "trait:age"], "pseudonymous": True}
    first = table(await export(running, role="admin", **order))
    assert first[0] == ["pseudonym", "age"]
    assert first == table(await export(running, **order))
    names = [line[0] for line in first[1:]]
    assert len(set(names)) == 3
    theirs = table(await export(running, domain="partner", **order))
    assert theirs == table(await export(running, domain="partner", **order))
    assert not {line[0] for line in theirs[1:]} & set(names), "no two domains can be put together"
    assert all(re.fullmatch("[a-z2-7]{26}", name) for name in names)
    assert table(await export(running, pseudonymous=True))[0] == ["pseudonym", "first_seen", "last_seen", "events"]


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({"columns": ["city"]}, "trait:city"),
        ({"columns": ["profile_id", "profile_id"]}, "twice"),
        ({"columns": ["id:user_id"], "pseudonymous": True}, "no ids"),
        ({"columns": ["trait:姓名"], "pseudonymous": True}, "no names"),
        ({"columns": ["trait:Phone Number"], "pseudonymous": True}, "contact data"),
        ({"filter": {"trait": ["age"]}}, "name:operator:value"),
        ({"filter": {"traits": []}}, "did you mean 'trait'"),
        ({"format": "xls"}, "csv"),
        ({"pseudonymous": True, "domain": "A b"}, "domain"),
    ],
)
async def test_an_order_that_cannot_be_is_refused(running: Running, order: dict[str, Any], words: str) -> None:
    answer = await running.client.post("/v1/exports", json=order)
    assert answer.status_code == 422
    assert words in answer.text


async def test_more_viewers_than_one_walk(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    await take(running, *(call("identify", user_id=f"u{n}", traits={"n": n}) for n in range(50)))
    monkeypatch.setattr("services.profile.actions.exports.WALKED", 7)
    assert len(table(await export(running, columns=["profile_id"]))) == 51
    odd = table(await export(running, columns=["trait:n"], filter={"trait": ["n:gte:45"]}))
    assert odd == [["n"], ["49"], ["48"], ["47"], ["46"], ["45"]]
    answer = await running.client.get("/v1/exports")
    assert [one["id"] for one in answer.json()["items"]] == [2, 1]
    assert (await running.client.get("/v1/exports/9")).status_code == 404


async def test_an_export_comes_back_through_an_import(
    running: Running, eventually: Callable[..., Awaitable[Any]]
) -> None:
    values = ["=1+1", "'=2", " x", "a;=3", "＝4", "张\n三", '"q"', "-5", "'", "@a"]
    said = {f"u{n}": value for n, value in enumerate(values)}
    await take(running, *(call("identify", user_id=user, traits={"said": value}) for user, value in said.items()))
    for format in ("csv", "xlsx"):
        content = await export(running, format=format, columns=["id:user_id", "trait:said"])
        file = (await running.client.post("/v1/imports", content=content)).json()
        mapping = {"user_id": {"id": "user_id"}, "said": {"trait": f"again_{format}"}}
        answer = await running.client.post(f"/v1/imports/{file['id']}/run", json={"mapping": mapping})
        assert answer.status_code == 202

        async def finished(path: str = f"/v1/imports/{file['id']}") -> None:
            assert (await running.client.get(path)).json()["state"] == "finished"

        await eventually(finished)
        for user, value in said.items():
            traits = (await running.client.get(f"/v1/profiles/user_id:{user}")).json()["traits"]
            assert traits[f"again_{format}"] == value.strip()


BLANKS = " \u00a0\u3000\u200b\ufeff\u2028\t\n\r'"


@given(st.text(BLANKS, max_size=4), st.sampled_from("=+-@＝＋－＠"), st.text(max_size=10))
def test_no_formula_gets_through_behind_blanks(blanks: str, sign: str, rest: str) -> None:
    for begin in ("", "a;", "a\n", "a\t", "a\r\n"):
        safe = cells.safe(f"{begin}{blanks}{sign}{rest}")
        for part in re.split("[;\t\r\n]", safe):
            bare = re.sub(r"^[\s\u200b-\u200f\ufeff\u2060\x00-\x20]+", "", part)
            assert not bare or bare[0] not in "=+-@＝＋－＠", safe


@given(st.text(st.sampled_from("a';=-\t\r\n \u00a0@"), max_size=12) | st.text())
def test_what_was_guarded_is_taken_back_whole(text: str) -> None:
    assert cells.plain(cells.safe(text)) == text


async def _written(rows: Sequence[Sequence[Any]], path: Path) -> list[list[str]]:
    book = Workbook(["a", "b", "c"])
    content = b"".join([book.rows(rows[:2]), book.rows(rows[2:]), book.end()])
    await asyncio.to_thread(path.write_bytes, content)
    return [line async for line in sheets.lines_of_workbook(path)]


async def test_a_workbook_holds_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        ["=1+1", 5, True],
        ["<&>\"'", -2.5, False],
        [" 张三 ", 10**17, None],
        ["a\nb", 13800138000, "+86"],
        ["\x00\x08", 0, "x" * 40_000],
    ]
    assert await _written(rows, tmp_path / "a.xlsx") == [
        ["a", "b", "c"],
        ["=1+1", "5", "true"],
        ["<&>\"'", "-2.5", "false"],
        [" 张三 ", str(10**17), ""],
        ["a\nb", "13800138000", "+86"],
        ["\ufffd\ufffd", "0", "x" * workbook.LONGEST],
    ]
    monkeypatch.setattr(workbook, "ROWS", 2)
    assert await _written(rows, tmp_path / "b.xlsx") == [
        ["a", "b", "c"],
        ["=1+1", "5", "true"],
        ["<&>\"'", "-2.5", "false"],
    ]


def test_a_workbook_is_sent_in_pieces_of_bounded_size() -> None:
    book = Workbook(["a"])
    sizes = [len(book.rows([[f"value {n} {m}"] for m in range(1000)])) for n in range(60)]
    assert max(sizes[30:]) <= 2 * max(sizes[:30])
    assert book.end()


async def test_tags_consent_and_segments_stand_in_columns_and_a_segment_is_a_filter(
    running: Running, bus: TestBus
) -> None:
    await take(
        running,
        call("identify", user_id="u1", traits={"consent": {"email": False}}),
        *(call(user_id=f"u{n}") for n in (2, 3)),
    )
    for key in ("vip", "new"):
        await running.client.put(f"/v1/tags/{key}", json={"name": key}, headers=running.headers("operator"))
        body = {"refs": ["user_id:u1", "user_id:u2"] if key == "vip" else ["user_id:u2"], "weight": 0.5}
        given = await running.client.post(f"/v1/tags/{key}/assign", json=body, headers=running.headers("operator"))
        assert given.status_code == 200, given.text
    fans = {1, 3}
    await bus.answer(
        AmongAsked, lambda it: AmongAnswered(members={key: sorted(fans & set(it.profile_ids)) for key in it.keys})
    )
    async with running.db.transaction() as session:
        await following.hear(session, [SegmentDefined(key="fans", version=1, name="Fans", rule=None, archived=False)])
    columns = ["id:user_id", "tags", "tag:vip", "consent:email", "segment:fans"]
    found = table(await export(running, columns=columns))
    assert found == [
        ["user_id", "tags", "vip", "email", "fans"],
        ["u3", "", "", "", "true"],
        ["u2", "new; vip", "0.5", "", "false"],
        ["u1", "vip", "0.5", "false", "true"],
    ]
    assert [line[0] for line in table(await export(running, columns=columns, filter={"segment": "fans"}))[1:]] == [
        "u3",
        "u1",
    ]
    listed = (await running.client.get("/v1/exports")).json()["items"]
    assert [one["rows"] for one in listed] == [2, 3]
    assert all(one["finished_at"] for one in listed)
    for order, field in (
        ({"filter": {"segment": "none"}}, "filter.segment"),
        ({"columns": ["segment:none"]}, "columns"),
    ):
        answer = await running.client.post("/v1/exports", json=order, headers=running.headers("operator"))
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    holders = await running.client.get("/v1/tags/vip/viewers", params={"limit": 1}, headers=running.headers("viewer"))
    assert [one["profile_id"] for one in holders.json()["items"]] == [1]
    rest = {"limit": 5, "cursor": holders.json()["next"]}
    assert [
        one["profile_id"] for one in (await running.client.get("/v1/tags/vip/viewers", params=rest)).json()["items"]
    ] == [2]
    assert (await running.client.get("/v1/tags/none/viewers")).status_code == 404
