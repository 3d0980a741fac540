"""Files of viewers: wrong lines are told, nothing is taken in twice, and what a line says of tags is kept."""

from __future__ import annotations

import csv
import io
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import insert

from services.profile.actions import erasures, imports
from services.profile.rules import sealing
from services.profile.tables import import_lines, suppressed
from shared import audit, lasting
from shared.jobs import JobRow
from tests.harness.houses import Running
from tests.profile.acts import brought, done, post
from tests.profile.samples import NOON

Eventually = Callable[..., Awaitable[Any]]

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
