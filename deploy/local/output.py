"""What the children say, each line behind its speaker's name: on the console and in the log file."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TextIO

COLOURS = (36, 32, 33, 35, 34, 96, 92, 95)
LARGEST = 20 * 1024 * 1024


class Voice:
    """The console and the log file together; a console that went away is forgotten, the file goes on."""

    def __init__(self, log: Path, console: TextIO | None = None) -> None:
        self.console: TextIO | None = sys.stdout if console is None else console
        self.coloured = self.console.isatty() and "NO_COLOR" not in os.environ
        self.log = log
        self.colour_of: dict[str, int] = {}
        self._file = log.open("a", encoding="utf-8")

    def say(self, name: str, line: str) -> None:
        """One line of that speaker."""
        colour = self.colour_of.setdefault(name, COLOURS[len(self.colour_of) % len(COLOURS)])
        plain = f"{name:<10}| "
        self._print((f"\x1b[{colour}m{plain}\x1b[0m" if self.coloured else plain) + line)
        self._file.write(plain + line + "\n")
        self._file.flush()
        if self._file.tell() > LARGEST:
            self._turn()

    def show(self, text: str) -> None:
        """Text for the operator, unprefixed and not in the log (it may hold keys)."""
        self._print(text)

    def _print(self, text: str) -> None:
        if self.console is None:
            return
        try:
            self.console.write(text + "\n")
            self.console.flush()
        except (OSError, ValueError):
            self.console = None

    def _turn(self) -> None:
        """Begin the log anew and keep one older part."""
        self._file.close()
        self.log.replace(self.log.with_suffix(".log.1"))
        self._file = self.log.open("a", encoding="utf-8")

    async def relay(self, name: str, stream: asyncio.StreamReader) -> None:
        """Say what comes out of a child, line by line, until it ends; a line of any length is taken."""
        rest = b""
        while chunk := await stream.read(65536):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self.say(name, line.decode(errors="replace").rstrip("\r"))
        if rest:
            self.say(name, rest.decode(errors="replace"))
