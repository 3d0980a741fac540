"""Files as they come: whatever Excel writes is understood, and what nobody can read is refused."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.profile.actions.imports import uploads
from services.profile.outside import sheets
from services.profile.rules import imports as rules
from services.profile.schemas.imports import MappedColumn
from tests.harness.houses import Running
from tests.profile.acts import brought


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


async def test_a_file_that_is_too_large_is_refused(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "BYTES", 100)
    assert "split" in (await brought(running, "a\n" * 60, status=413))["detail"]
    monkeypatch.setattr(uploads, "LINES", 3)
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
