"""Files of viewers: whatever Excel writes is understood, wrong lines are told, and nothing is taken in twice."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert

from services.profile.actions import bulk, erasures, events, imports
from services.profile.app import SERVICE
from services.profile.outside import sheets
from services.profile.rules import imports as rules
from services.profile.rules import sealing
from services.profile.schemas.imports import MappedColumn
from services.profile.tables import import_lines, suppressed
from shared import audit, lasting
from shared.jobs import JobRow
from tests.harness.houses import Opening, Running
from tests.profile.samples import NOON

Eventually = Callable[..., Awaitable[Any]]


@pytest.fixture
async def running(open_house: Callable[..., Opening]) -> Running:
    return await open_house(SERVICE)


async def post(running: Running, path: str, *, status: int, role: str = "operator", **more: Any) -> Any:
    answer = await running.client.post(path, headers=running.headers(role), **more)
    assert answer.status_code == status, answer.text
    return answer.json()


async def brought(running: Running, text: str | bytes, name: str = "people.csv", status: int = 201) -> Any:
    content = text.encode() if isinstance(text, str) else text
    return await post(running, "/v1/imports", params={"name": name}, content=content, status=status)


async def done(running: Running, import_id: int, eventually: Eventually, state: str) -> Any:
    async def reached() -> Any:
        one = (await running.client.get(f"/v1/imports/{import_id}")).json()
        assert one["state"] == state, one
        return one

    return await eventually(reached)


MAPPING = {
    "用户ID": {"id": "user_id"},
    "姓名": {"trait": "name"},
    "年龄": {"trait": "age", "type": "number"},
    "会员": {"trait": "vip", "type": "boolean"},
}


async def test_a_file_is_checked_then_taken_in(running: Running, eventually: Eventually) -> None:
    text = '用户ID,姓名,年龄,会员\nu1,张三,20,是\nu2,李四,old,否\n,王五,3,是\n\nu3,\'=1+1,"1,234",0\n'
    file = await brought(running, text)
    async with running.db.transaction() as session:
        assert all(sealing.is_sealed(row.lines) for row in await session.execute(import_lines.select()))
    assert file | {"id": 0, "created_at": ""} == {
        "id": 0,
        "name": "people.csv",
        "format": "csv",
        "encoding": "utf-8-sig",
        "delimiter": ",",
        "columns": ["用户ID", "姓名", "年龄", "会员"],
        "lines": 5,
        "state": "uploaded",
        "mapping": {
            "用户ID": {"id": "user_id"},
            "姓名": {"trait": "姓名"},
            "年龄": {"trait": "年龄"},
            "会员": {"trait": "会员"},
        },
        "counts": {},
        "done": 0,
        "job_id": None,
        "error": None,
        "by": "test",
        "created_at": "",
        "sample": [
            ["u1", "张三", "20", "是"],
            ["u2", "李四", "old", "否"],
            ["", "王五", "3", "是"],
            [],
            ["u3", "'=1+1", "1,234", "0"],
        ],
    }
    await post(running, f"/v1/imports/{file['id']}/run", json={"mapping": MAPPING, "dry_run": True}, status=202)
    checked = await done(running, file["id"], eventually, "checked")
    assert checked["counts"] == {"good": 2, "bad": 2, "empty": 1, "erased": 0, "known": 0, "new": 2}
    assert checked["done"] == checked["lines"] == 5
    assert (await running.client.get("/v1/profiles")).json()["items"] == []
    answer = await running.client.get(f"/v1/imports/{file['id']}/errors")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))) == [
        ["line", "column", "message"],
        ["3", "年龄", "not a number"],
        ["4", "", "no id in this line"],
    ]
    await post(running, f"/v1/imports/{file['id']}/run", json={"mapping": MAPPING}, status=202)
    finished = await done(running, file["id"], eventually, "finished")
    assert finished["counts"] == checked["counts"]
    assert finished["sample"] == []
    people = {
        one["identities"][0]["value"]: one["traits"]
        for one in (await running.client.get("/v1/profiles")).json()["items"]
    }
    assert people == {
        "u1": {"name": "张三", "age": 20, "vip": True},
        "u3": {"name": "=1+1", "age": 1234, "vip": False},
    }
    again = await post(running, f"/v1/imports/{file['id']}/run", json={"mapping": MAPPING}, status=409)
    assert "upload the file again" in again["detail"]


async def test_a_step_that_is_done_again_changes_nothing(running: Running) -> None:
    lines = "\n".join(f"u{n},{n}" for n in range(1200))
    file = await brought(running, f"id,age\n{lines}")
    order = {"mapping": {"id": {"id": "user_id"}, "age": {"trait": "age", "type": "number"}}, "dry_run": True}
    await post(running, f"/v1/imports/{file['id']}/run", json=order, status=202)
    job = JobRow(1, imports.KIND, str(file["id"]), {"dry_run": False}, None, 0, 1200, NOON)
    for _ in range(2):
        async with running.db.transaction() as session:
            first = await imports.step(session, job)
    assert (first.done, first.cursor, first.finished) == (499, "2", False)
    async with running.db.transaction() as session:
        second = await imports.step(session, JobRow(1, job.kind, job.subject, job.params, "2", 499, 1200, NOON))
    assert (second.done, second.cursor) == (999, "501")
    page = (await running.client.get("/v1/profiles/user_id:u7")).json()
    assert page["traits"] == {"age": 7}
    assert len((await running.client.get("/v1/profiles/user_id:u7/events")).json()["items"]) == 1


@pytest.mark.parametrize(
    ("content", "encoding", "delimiter"),
    [
        ("编号;名字\n1;张三,丰\n".encode(), "utf-8-sig", ";"),
        ("\ufeff编号,名字\n1,张三\n".encode(), "utf-8-sig", ","),
        ("编号,名字\n1,张三\n".encode("gbk"), "gb18030", ","),
        ("编号\t名字\r\n1\t张三\r\n".encode("utf-16"), "utf-16", "\t"),
        ('编号|名字\n1|"a,b\nc"\n'.encode(), "utf-8-sig", "|"),
    ],
)
async def test_what_excel_writes_is_understood(running: Running, content: bytes, encoding: str, delimiter: str) -> None:
    file = await brought(running, content)
    assert (file["encoding"], file["delimiter"]) == (encoding, delimiter)
    assert file["columns"] == ["编号", "名字"]
    assert file["lines"] == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "as the body"),
        (b"\n", "name the columns"),
        (b"a,,b\n", "column 2 has no name"),
        (b"a,a\n", "two columns"),
        (b"\xd0\xcf\x11\xe0rest", "xlsx"),
        (b"a,b\n\xff\xff\xff\n", "UTF-8"),
        (b"PK\x03\x04rest", "workbook"),
        (",".join(f"c{n}" for n in range(300)).encode(), "at most 200"),
    ],
)
async def test_a_file_nobody_can_read_is_refused_with_a_remedy(running: Running, content: bytes, words: str) -> None:
    assert words in (await brought(running, content, status=422))["detail"]


async def test_a_mapping_must_fit_the_file(running: Running) -> None:
    file = await brought(running, "id,age\nu1,3\n")
    path = f"/v1/imports/{file['id']}/run"
    for mapping, words in (
        ({"ID": {"id": "user_id"}}, "no such column"),
        ({"age": {"trait": "age"}}, "map at least one"),
        ({"id": {"id": "user_id"}, "age": {"id": "user_id"}}, "two columns"),
        ({"id": {}}, "mapping.id: give one of"),
        ({"id": {"id": "User"}}, "pattern"),
    ):
        answer = await post(running, path, json={"mapping": mapping}, status=422)
        assert words in answer["detail"], answer
    assert (await post(running, "/v1/imports/99/run", json={"mapping": {}}, status=404))["detail"]
    await post(running, path, json={"mapping": {}}, status=403, role="viewer")


async def test_a_file_may_be_forgotten(running: Running) -> None:
    file = await brought(running, "id\nu1\n")
    assert (await running.client.get("/v1/imports")).json()["items"][0]["id"] == file["id"]
    assert (await running.client.delete(f"/v1/imports/{file['id']}")).status_code == 204
    assert (await running.client.get(f"/v1/imports/{file['id']}")).status_code == 404
    async with running.db.transaction() as session:
        assert (await session.execute(import_lines.select())).all() == []


async def test_a_file_that_is_too_large_is_refused(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "BYTES", 100)
    assert "split" in (await brought(running, "a\n" * 60, status=413))["detail"]
    monkeypatch.setattr(imports, "LINES", 3)
    assert "at most 3 lines" in (await brought(running, "a\n" * 5, status=422))["detail"]


async def test_a_workbook_that_unpacks_to_a_huge_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
        "</sheetData></worksheet>"
    )
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(
            "[Content_Types].xml", '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
        )
        file.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="{relations}">'
            '<sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>',
        )
        file.writestr(
            "xl/_rels/workbook.xml.rels",
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            f'<Relationship Id="rId1" Type="{relations}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        )
        file.writestr("xl/worksheets/sheet1.xml", sheet)
    with pytest.raises(sheets.Unreadable, match=r"too large|cannot be read"):
        async for _ in sheets.lines_of_workbook(path):
            pass


@given(
    st.lists(
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n")), min_size=2, max_size=5), min_size=2
    ),
    st.sampled_from(sheets.DELIMITERS),
)
def test_any_csv_is_read_as_written(lines: list[list[str]], delimiter: str) -> None:
    width = len(lines[0])
    header = [f"column{n}" for n in range(width)]
    square = [header, *([*line[:width], *[""] * (width - len(line))] for line in lines)]
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(square)
    assert list(csv.reader(io.StringIO(text.getvalue()), delimiter=delimiter)) == square
    assert sheets.delimiter(text.getvalue()) == delimiter


@given(st.lists(st.text(), max_size=6), st.sampled_from(["text", "number", "boolean", "date", "list"]))
def test_any_line_is_read_or_refused(row: list[str], kind: Any) -> None:
    columns = ["a", "b", "c"]
    mapping = {"a": MappedColumn(id="user_id"), "b": MappedColumn(trait="b", type=kind), "c": MappedColumn(id="phone")}
    found = rules.read(row, columns, mapping)
    assert found.ids if isinstance(found, rules.Line) else found


@pytest.mark.parametrize(
    ("cell", "kind", "value"),
    [
        ("1,234.5", "number", 1234.5),
        ("-3", "number", -3),
        ("是", "boolean", True),
        ("No", "boolean", False),
        ("2024/5/1", "date", "2024-05-01"),
        ("2024年5月1日", "date", "2024-05-01"),
        ("2024-05-01T08:00:00+08:00", "date", "2024-05-01T08:00:00+08:00"),
        ("a、b, c", "list", ["a", "b", "c"]),
    ],
)
def test_cells_as_values(cell: str, kind: Any, value: Any) -> None:
    assert rules.value(cell, kind) == value


async def test_a_bulk_takes_the_good_and_tells_the_wrong(running: Running) -> None:
    people = [
        {"ids": {"user_id": "u1"}, "traits": {"city": "北京"}, "message_id": "b1"},
        {"ids": {}},
        {"ids": {"User": "x"}},
        {"ids": {"email": "nobody"}},
        {"id": "u2"},
        {"ids": {"anonymous_id": "a1"}, "traits": {"age": 3}},
        {"ids": {"user_id": "u1"}, "traits": {"city": "上海"}, "message_id": "b1"},
    ]
    answer = await post(running, "/v1/profiles/bulk", json={"profiles": people}, status=200)
    assert answer["accepted"] == 3
    assert [one["index"] for one in answer["items"]] == [0, 5, 6]
    assert [one["profile_id"] for one in answer["items"]] == [1, 2, 1]
    assert [(one["index"], one["field"]) for one in answer["errors"]] == [
        (1, "profiles[1].ids"),
        (2, "profiles[2].ids.User"),
        (3, "profiles[3].ids.email"),
        (4, "profiles[4].id"),
    ]
    assert "did you mean 'ids'" in answer["errors"][3]["message"]
    assert (await running.client.get("/v1/profiles/1")).json()["traits"] == {"city": "北京"}
    event = (await running.client.get("/v1/profiles/1/events")).json()["items"]
    assert [one["source"] for one in event] == ["bulk:test"]
    await post(running, "/v1/profiles/bulk", json={"profiles": people}, status=403, role="viewer")
    await post(running, "/v1/profiles/bulk", json={"profiles": [{}] * 1001}, status=422)


async def test_what_cannot_be_absorbed_stays_alone(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:

    async def poisoned(session: Any, items: list[Any]) -> None:
        await events.absorb(session, items)
        if any(item.user_id == "poison" for item in items):
            raise ValueError("poison")

    monkeypatch.setattr(bulk, "absorb", poisoned)
    people = [{"ids": {"user_id": f"u{n}" if n != 37 else "poison"}} for n in range(100)]
    answer = await post(running, "/v1/profiles/bulk", json={"profiles": people}, status=200)
    assert answer["accepted"] == 99
    assert answer["errors"] == [{"index": 37, "field": "profiles[37]", "message": "ValueError: poison"}]
    assert len((await running.client.get("/v1/profiles", params={"limit": 200})).json()["items"]) == 99


async def test_a_file_gives_tags(running: Running, eventually: Eventually) -> None:
    for key, name, kind in (("vip", "贵宾", "manual"), ("shop", "门店", "imported"), ("anime", "动漫", "interest")):
        answer = await running.client.put(
            f"/v1/tags/{key}", headers=running.headers("operator"), json={"name": name, "kind": kind, "weight": 0.5}
        )
        assert answer.status_code == 200, answer.text
    lines = ["手机号,贵宾,标签", "13800138000,是,", "13800138001,0.25,门店、vip", "13800138002,3,", "13800138003,,动漫"]
    file = await brought(running, "\n".join([*lines, "13800138004,否,shop"]))
    run = f"/v1/imports/{file['id']}/run"
    mapping = {"手机号": {"id": "phone"}, "贵宾": {"tag": "vip"}, "标签": {"tags": True}}
    for wrong, field in (
        (mapping | {"贵宾": {"tag": "nobody"}}, "mapping.贵宾.tag"),
        (mapping | {"贵宾": {"tag": "anime"}}, "mapping.贵宾.tag"),
        (mapping | {"标签": {"tag": "vip"}}, "mapping.贵宾"),
    ):
        assert (await post(running, run, json={"mapping": wrong}, status=422))["errors"][0]["field"] == field
    await post(running, run, json={"mapping": mapping | {"贵宾": {"tag": "vip", "tags": True}}}, status=422)
    await post(running, run, json={"mapping": mapping, "dry_run": True}, status=202)
    checked = await done(running, file["id"], eventually, "checked")
    assert checked["counts"] == {"good": 3, "bad": 2, "empty": 0, "erased": 0, "known": 0, "new": 3}
    answer = await running.client.get(f"/v1/imports/{file['id']}/errors")
    assert list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))[1:] == [
        ["4", "贵宾", "neither true nor false (是, 否), nor a weight from 0 to 1"],
        ["5", "标签", "no tag that can be given by hand is called '动漫'; make it, or leave it out"],
    ]
    await post(running, run, json={"mapping": mapping}, status=202)
    assert (await done(running, file["id"], eventually, "finished"))["counts"] == checked["counts"]
    held = {}
    for phone in range(13800138000, 13800138005):
        answer = await running.client.get(f"/v1/profiles/phone:{phone}/tags")
        if answer.status_code == 200:
            held[phone] = [(one["key"], one["weight"], one["source"]) for one in answer.json()]
    source = f"import:{file['id']}"
    assert held == {
        13800138000: [("vip", 0.5, source)],
        13800138001: [("shop", 0.5, source), ("vip", 0.25, source)],
        13800138004: [("shop", 0.5, source)],
    }


async def test_a_dry_run_says_what_the_run_would_leave_out(running: Running, eventually: Eventually) -> None:
    """Values a trait does not take, ids that are nobody's, lines of who was erased; and the run does just that."""
    await running.client.put("/v1/traits/definitions/level", json={"type": "integer", "enum": None})
    old = {"profiles": [{"ids": {"user_id": "gone"}}, {"ids": {"user_id": "u9"}}]}
    await post(running, "/v1/profiles/bulk", json=old, status=200)
    async with running.db.transaction() as session:
        key = await lasting.key(session, erasures.PURPOSE, since=suppressed)
        await session.execute(
            insert(suppressed).values(blind=erasures.blind(key, "user_id:gone"), erasure_id=1, at=NOON)
        )
    lines = [
        "user_id,gender,level,birthday",
        "u1,male,3,2001-05-06",
        "u2,robot,4,",
        "u3,f,many,",
        "null,f,1,",
        "gone,f,1,",
    ]
    text_ = "\n".join([*lines, "u4,f,2,06/05/2001"])
    file = await brought(running, text_)
    seen = []
    for dry_run, state in ((True, "checked"), (False, "finished")):
        order = {"mapping": file["mapping"], "dry_run": dry_run}
        await post(running, f"/v1/imports/{file['id']}/run", json=order, status=202)
        seen.append((await done(running, file["id"], eventually, state))["counts"])
        answer = await running.client.get(f"/v1/imports/{file['id']}/errors")
        told = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert [line[:2] for line in told[1:]] == [["3", "gender"], ["4", "level"], ["5", ""], ["7", "birthday"]]
        assert told[1][2] == "gender does not take this: not one of the allowed values; it takes male, female, other"
        assert "06/05" not in answer.text, "what is wrong is told without the cell"
    assert seen[0] == {"good": 1, "bad": 4, "empty": 0, "erased": 1, "known": 0, "new": 1}
    assert seen[1] == seen[0]
    assert (await running.client.get("/v1/profiles/user_id:u2")).status_code == 404


async def test_first_lines_are_masked_but_for_admins_whose_reading_is_noted(running: Running) -> None:
    said = "user_id,手机号,note\nu1,13800001111,hello bob@example.com\n".encode()
    answer = await running.client.post("/v1/imports", content=said, headers=running.headers("operator"))
    assert answer.json()["sample"][0][0] == "u1"
    assert "1380000" not in answer.text
    assert "bob@" not in answer.text
    assert audit.HEADER not in answer.headers
    url = f"/v1/imports/{answer.json()['id']}"
    answer = await running.client.get(url)
    assert answer.json()["sample"] == [["u1", "13800001111", "hello bob@example.com"]]
    assert answer.headers[audit.HEADER] == f"contacts.read import:{answer.json()['id']}"
    assert "1380000" not in (await running.client.get(url, headers=running.headers("operator"))).text
