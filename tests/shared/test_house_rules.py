"""Rules of the house that only its source can show."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("shared", "services", "gateway", "deploy", "tests")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
INNER = [path for path in FILES if path.relative_to(ROOT).parts[0] in ("services", "gateway")]


def trees(files: list[Path]) -> Iterator[tuple[str, ast.Module]]:
    for path in files:
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def test_the_rules_look_at_something() -> None:
    assert len(FILES) > 100
    assert len(INNER) > 30


def commits(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr == "commit" for node in ast.walk(tree))


def endless(tree: ast.Module) -> bool:
    loops = [node.test for node in ast.walk(tree) if isinstance(node, ast.While)]
    return any(isinstance(test, ast.Constant) and bool(test.value) for test in loops)


def test_nobody_commits_but_the_edge() -> None:
    assert commits(ast.parse("await session.commit()"))
    assert [name for name, tree in trees(INNER) if commits(tree)] == []


def test_the_only_endless_loop_stands_in_loops() -> None:
    assert endless(ast.parse("while 1:\n pass"))
    assert not endless(ast.parse("while more:\n pass"))
    assert [name for name, tree in trees(FILES) if endless(tree)] == ["shared/loops.py"]


def test_every_file_opens_with_its_purpose() -> None:
    without = [name for name, tree in trees(FILES) if not (ast.get_docstring(tree) or "").strip()]
    assert without == []


def test_no_base_http_middleware() -> None:
    """It leaks database connections when a request is cancelled."""
    inner = [path for path in FILES if path.relative_to(ROOT).parts[0] != "tests"]
    assert [str(path) for path in inner if "import BaseHTTPMiddleware" in path.read_text()] == []


@pytest.mark.parametrize("package", ["shared", "services", "gateway"])
def test_signatures_are_compared_in_constant_time(package: str) -> None:
    """A column of a statement is looked up by its index, and compares nothing here: `table.c.digest` stands for it."""
    found = []
    for name, tree in trees(sorted((ROOT / package).rglob("*.py"))):
        for node in ast.walk(tree):
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
                sides = [node.left, *node.comparators]
                if isinstance(node.left, ast.Attribute) and ast.unparse(node.left.value).endswith(".c"):
                    continue
                if any(isinstance(side, ast.Name) and side.id in {"signature", "digest"} for side in sides):
                    found.append(f"{name}:{node.lineno}")
    assert found == []


def test_no_sleep_in_tests_of_the_kernel_but_where_time_is_the_subject() -> None:
    allowed = {"test_loops.py", "test_outbox.py", "test_bus.py", "test_idempotency.py", "test_cancel.py"}
    files = [path for path in Path(__file__).parent.glob("test_*.py") if path.name not in allowed]
    assert [path.name for path in files if path != Path(__file__) and "asyncio.sleep(" in path.read_text()] == []
