"""A file of viewers comes in, with wrong lines and a kill in between; they are found, grouped, and go out again."""

from __future__ import annotations

import asyncio
import csv
import io
from pathlib import Path
from typing import Any

import httpx
import python_calamine

from tests.harness.eventually import eventually
from tests.harness.suite import Suite
from tests.stories.test_path import ok

LINES = 12_000
CITIES = ("北京", "上海", "广州")
FORMULA = '=HYPERLINK("http://example.com","点我")'
MAPPING: dict[str, Any] = {
    "用户ID": {"id": "user_id"},
    "姓名": {"trait": "name"},
    "城市": {"trait": "city"},
    "年龄": {"trait": "age", "type": "number"},
    "贵宾": {"tag": "vip"},
    "标签": {"tags": True},
}
WRONG = {
    101: ("年龄", "not a number"),
    5_002: ("贵宾", "neither true nor false (是, 否), nor a weight from 0 to 1"),
    9_003: ("标签", "no tag that can be given by hand is called '没有'; make it, or leave it out"),
    11_004: ("", "no id in this line"),
}
"""Number of the line in the file → what is wrong with it."""


def name(number: int) -> str:
    """Line 2 holds a formula for a name."""
    return FORMULA if number == 0 else f"张{number}"


def content() -> bytes:
    """A file as Excel saves it in China: GBK. Every third is from 北京, every fourth a vip, every fifth from a shop."""
    text = io.StringIO()
    written = csv.writer(text)
    written.writerow(MAPPING)
    for n in range(LINES):
        number = n + 2
        line = [
            f"import-{n}",
            name(n),
            CITIES[n % 3],
            18 + n % 50,
            "是" if n % 4 == 0 else "",
            "门店" if n % 5 == 0 else "",
        ]
        if number in WRONG:
            column = WRONG[number][0]
            place = list(MAPPING).index(column) if column else 0
            line[place] = {"年龄": "三十", "贵宾": "7", "标签": "没有", "": ""}[column]
        written.writerow(line)
    return text.getvalue().encode("gb18030")


GOOD = [n for n in range(LINES) if n + 2 not in WRONG]


async def finished(operator: httpx.AsyncClient, import_id: int, state: str) -> Any:
    """Wait until an import is in this state."""

    async def reached() -> Any:
        one = await ok(operator.get(f"/v1/imports/{import_id}"))
        assert one["state"] == state, one
        return one

    return await eventually(reached, timeout=180)


async def exported(operator: httpx.AsyncClient, **order: Any) -> bytes:
    """A file of viewers."""
    made = await ok(operator.post("/v1/exports", json=order))
    answer = await operator.get(made["file"])
    assert answer.status_code == 200, answer.text
    return answer.content


async def test_a_file_comes_in_through_a_kill_and_goes_out_again(
    town: Suite, operator: httpx.AsyncClient, tmp_path: Path
) -> None:
    for key, title in (("vip", "贵宾"), ("shop", "门店")):
        await ok(operator.put(f"/v1/tags/{key}", json={"name": title, "kind": "imported", "weight": 0.8}))
        await ok(operator.post(f"/v1/tags/{key}/adopt", json={"force": True}))
    file = await ok(operator.post("/v1/imports", params={"name": "会员.csv"}, content=content()))
    assert (file["encoding"], file["lines"], file["columns"]) == ("gb18030", LINES, list(MAPPING))
    assert file["sample"][0][1] == FORMULA
    run = f"/v1/imports/{file['id']}/run"

    # Checked first: what is wrong is said line by line, and nobody is made.
    await ok(operator.post(run, json={"mapping": MAPPING, "dry_run": True}))
    checked = await finished(operator, file["id"], "checked")
    expected = {"good": len(GOOD), "bad": len(WRONG), "empty": 0, "known": 0, "new": len(GOOD), "erased": 0}
    assert checked["counts"] == expected
    wrong = (await operator.get(f"/v1/imports/{file['id']}/errors")).content.decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(wrong)))[1:] == [[str(n), *said] for n, said in sorted(WRONG.items())]
    assert (await operator.get("/v1/profiles/user_id:import-0")).status_code == 404

    # Taken in; profile is killed in the middle and goes on where it was.
    await ok(operator.post(run, json={"mapping": MAPPING}))

    async def begun() -> int:
        done = int((await ok(operator.get(f"/v1/imports/{file['id']}")))["done"])
        assert done
        return done

    done = await eventually(begun, timeout=60)
    town.kill("profile")
    assert done < LINES, "it was finished before the kill"

    async def back() -> None:
        await ok(operator.get(f"/v1/imports/{file['id']}"))

    await eventually(back, timeout=60)
    assert (await finished(operator, file["id"], "finished"))["counts"] == expected
    for n in (0, GOOD[-1]):
        events = (await ok(operator.get(f"/v1/profiles/user_id:import-{n}/events")))["items"]
        assert [one["type"] for one in events] == ["identify"], "taken in once"

    # Some more by the bulk door: what is wrong with one does not hold up the other.
    people = [{"ids": {"user_id": "bulk-1"}, "traits": {"name": "李四", "city": "北京"}}, {"ids": {}}]
    done_in_bulk = await ok(operator.post("/v1/profiles/bulk", json={"profiles": people}))
    assert (done_in_bulk["accepted"], [one["field"] for one in done_in_bulk["errors"]]) == (1, ["profiles[1].ids"])

    # Found by name, city and tag, with the weight the tag has.
    async def found() -> None:
        page = await ok(operator.get("/v1/profiles", params={"name": "张11999", "trait": "city:eq:广州"}))
        assert [one["traits"]["name"] for one in page["items"]] == ["张11999"]
        page = await ok(operator.get("/v1/profiles", params={"tag": "shop", "name": "张11995"}))
        assert len(page["items"]) == 1

    await eventually(found, timeout=60)
    tags = await ok(operator.get("/v1/profiles/user_id:import-0/tags"))
    source = f"import:{file['id']}"
    assert [(one["key"], one["weight"], one["source"]) for one in tags] == [("shop", 0.8, source), ("vip", 0.8, source)]

    # Segment groups them by trait and tag.
    rule = {"all": [{"trait": "city", "eq": "北京"}, {"tag": "vip"}, {"trait": "age", "gte": 30}]}
    there = [n for n in GOOD if n % 3 == 0 and n % 4 == 0 and 18 + n % 50 >= 30]

    async def grouped() -> None:
        assert (await ok(operator.post("/v1/segments/preview", json={"rule": rule})))["count"] == len(there)

    await eventually(grouped, timeout=120)

    # Out again: the same people, Chinese right, no formula that a spreadsheet would run; and in again, as they were.
    order = {
        "filter": {"tag": ["vip"], "trait": ["city:eq:北京"]},
        "columns": ["id:user_id", "trait:name", "trait:age"],
    }
    expected_lines = {f"import-{n}": [name(n), 18 + n % 50] for n in GOOD if n % 12 == 0}
    written = await exported(operator, format="csv", **order)
    assert written.startswith(b"\xef\xbb\xbf")
    header, *lines = csv.reader(io.StringIO(written.decode("utf-8-sig")))
    assert len(lines) == len(expected_lines)
    shown = {line[0]: line[1:] for line in lines}
    assert shown["import-12"] == ["张12", "30"]
    assert shown["import-0"][0] == f"'{FORMULA}"
    book = tmp_path / "viewers.xlsx"
    await asyncio.to_thread(book.write_bytes, await exported(operator, format="xlsx", **order))
    sheet = python_calamine.load_workbook(book).get_sheet_by_index(0)
    first, *rows = sheet.to_python()
    assert first == header
    assert {row[0]: [row[1], int(str(row[2]).split(".")[0])] for row in rows} == expected_lines
    again = await ok(operator.post("/v1/imports", params={"name": "viewers.xlsx"}, content=book.read_bytes()))
    assert (again["format"], again["lines"]) == ("xlsx", len(expected_lines))
    mapping = {
        header[0]: {"id": "user_id"},
        header[1]: {"trait": "name"},
        header[2]: {"trait": "age", "type": "number"},
    }
    await ok(operator.post(f"/v1/imports/{again['id']}/run", json={"mapping": mapping}))
    counts = (await finished(operator, again["id"], "finished"))["counts"]
    assert (counts["good"], counts["known"], counts["new"]) == (len(expected_lines), len(expected_lines), 0)
    assert (await ok(operator.get("/v1/profiles/user_id:import-0")))["traits"]["name"] == FORMULA
