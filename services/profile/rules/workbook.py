"""An XLSX workbook written while it is sent: constant memory, and every text stays text (ECMA-376, inline strings)."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Sequence
from typing import IO, cast
from xml.sax.saxutils import escape, quoteattr

Cell = str | int | float | bool | None

ROWS = 1_000_000
"""Rows of a sheet; Excel reads 1,048,576. What is more goes on in the next sheet."""

BYTES = 1_500_000_000
"""Unpacked bytes of a sheet: above 2 GiB its header would be one that Excel does not read."""

LONGEST = 32_767
"""Characters of a cell."""

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")


class _Sink:
    """Where the archive is written: bytes wait here until they are taken."""

    def __init__(self) -> None:
        self.waiting = bytearray()

    def write(self, data: bytes) -> int:
        self.waiting += data
        return len(data)

    def flush(self) -> None:
        """Nothing to do."""


class Workbook:
    """A workbook that is held open while its rows come. Bytes are sent in the order of the calls."""

    def __init__(self, header: Sequence[str]) -> None:
        self._header = header
        self._sink = _Sink()
        self._archive = zipfile.ZipFile(cast(IO[bytes], self._sink), "w", zipfile.ZIP_DEFLATED, compresslevel=3)
        self._sheets = 0
        self._open()

    def _open(self) -> None:
        self._sheets += 1
        self._part = self._archive.open(f"xl/worksheets/sheet{self._sheets}.xml", "w")
        self._rows = self._bytes = 0
        self._write(f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetData>{_row(self._header)}')

    def _write(self, text: str) -> None:
        data = text.encode()
        self._bytes += len(data)
        self._part.write(data)

    def _close(self) -> None:
        self._write("</sheetData></worksheet>")
        self._part.close()

    def rows(self, rows: Iterable[Sequence[Cell]]) -> bytes:
        """The bytes that these rows make ready to be sent."""
        for row in rows:
            if self._rows >= ROWS or self._bytes >= BYTES:
                self._close()
                self._open()
            self._rows += 1
            self._write(_row(row))
        return self._taken()

    def end(self) -> bytes:
        """The last bytes."""
        self._close()
        numbers = range(1, self._sheets + 1)
        sheets = "".join(
            f"<sheet name={quoteattr(f'Sheet{n}')} sheetId={quoteattr(str(n))} r:id={quoteattr(f'rId{n}')}/>"
            for n in numbers
        )
        relations = "".join(
            f'<Relationship Id="rId{n}" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet{n}.xml"/>'
            for n in numbers
        )
        overrides = "".join(
            f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_TYPE}.worksheet+xml"/>' for n in numbers
        )
        parts = {
            "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>{sheets}</sheets></workbook>',
            "xl/_rels/workbook.xml.rels": (
                f'<Relationships xmlns="{_PACKAGE}/relationships">{relations}</Relationships>'
            ),
            "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
            f'Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
            "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Default Extension="xml" ContentType="application/xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>{overrides}</Types>',
        }
        for name, text in parts.items():
            self._archive.writestr(name, _HEAD + text)
        self._archive.close()
        return self._taken()

    def _taken(self) -> bytes:
        taken = bytes(self._sink.waiting)
        self._sink.waiting.clear()
        return taken


def _row(cells: Sequence[Cell]) -> str:
    return f"<row>{''.join(map(_cell, cells))}</row>"


def _cell(value: Cell) -> str:
    if value is None or value == "":
        return "<c/>"
    if isinstance(value, bool):
        return f'<c t="b"><v>{int(value)}</v></c>'
    # Excel keeps 15 digits: longer numbers are ids, and stay whole as text.
    if isinstance(value, int | float) and abs(value) < 10**15:
        return f"<c><v>{value!r}</v></c>"
    text = _ESCAPE.sub("_x005F_", _FORBIDDEN.sub("\ufffd", str(value)))[:LONGEST]
    return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(text).replace(chr(13), "_x000D_")}</t></is></c>'
