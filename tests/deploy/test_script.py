"""The `marquee` script: plain POSIX sh, any folder, any name, a clear word without Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.installation import HOME

SCRIPT = HOME / "marquee"


def sh(*arguments: str, cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MARQUEE_")}
    return subprocess.run(
        arguments, cwd=cwd, env={**kept, **env}, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in a folder with a space, whose environment needs no network: `pip` is played."""
    home = tmp_path / "my checkout"
    home.mkdir()
    for name in ("marquee", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(HOME / name, home / name)
    package = home / "deploy" / "local"
    package.mkdir(parents=True)
    (home / "deploy" / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text("import os, sys; print('ran', sys.prefix, os.getpid(), sys.argv[1:])")
    return home


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """A virtual environment without packages, whose pip notes what it was asked for and does nothing."""
    folder = tmp_path / "the venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    pip = next(folder.glob("lib/python*/site-packages")) / "pip.py"
    pip.write_text("import pathlib, sys; open(pathlib.Path(sys.prefix) / 'asked', 'a').write(sys.argv[-1] + '\\n')")
    return folder


def asked(venv: Path) -> list[str]:
    """Base names of the requirement files pip was asked to install."""
    log = venv / "asked"
    return [Path(line).name for line in log.read_text().splitlines()] if log.exists() else []


def test_it_is_plain_posix_shell() -> None:
    shell = shutil.which("dash") or "/bin/sh"
    assert sh(shell, "-n", str(SCRIPT), cwd=HOME, env={}).stderr == ""
    assert os.access(SCRIPT, os.X_OK)


def test_the_second_run_installs_nothing_and_hands_over(checkout: Path, venv: Path, tmp_path: Path) -> None:
    env = {"MARQUEE_VENV": str(venv)}
    first = sh(str(checkout / "marquee"), "up", "--demo", cwd=tmp_path, env=env)
    assert first.stdout.startswith(f"ran {venv} ")
    assert first.stdout.rstrip().endswith("['up', '--demo']")
    second = sh(str(checkout / "marquee"), "keys", cwd=tmp_path, env=env)
    assert (second.returncode, second.stderr) == (0, "")
    assert asked(venv) == ["requirements.txt"]


def test_tests_bring_their_own_requirements_which_hold_the_others(checkout: Path, venv: Path) -> None:
    env = {"MARQUEE_VENV": str(venv)}
    for command in ("up", "test", "check", "bench", "up"):
        assert sh("./marquee", command, cwd=checkout, env=env).returncode == 0
    assert asked(venv) == ["requirements.txt", "requirements-dev.txt"]


def test_changed_requirements_are_installed(checkout: Path, venv: Path) -> None:
    env = {"MARQUEE_VENV": str(venv)}
    sh("./marquee", "up", cwd=checkout, env=env)
    with (checkout / "requirements.txt").open("a") as file:
        file.write("one-more==1.0\n")
    sh("./marquee", "up", cwd=checkout, env=env)
    assert asked(venv) == ["requirements.txt", "requirements.txt"]


def test_a_failed_installation_is_tried_again(checkout: Path, venv: Path) -> None:
    env = {"MARQUEE_VENV": str(venv)}
    pip = next(venv.glob("lib/python*/site-packages")) / "pip.py"
    works = pip.read_text()
    pip.write_text("raise SystemExit('no network')")
    failed = sh("./marquee", "up", cwd=checkout, env=env)
    assert failed.returncode != 0
    assert "ran" not in failed.stdout
    pip.write_text(works)
    assert sh("./marquee", "up", cwd=checkout, env=env).stdout.startswith("ran")


def test_it_works_through_a_link(checkout: Path, venv: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(checkout / "marquee")
    assert sh(str(link), "up", cwd=tmp_path, env={"MARQUEE_VENV": str(venv)}).stdout.startswith("ran")


def test_it_says_so_when_there_is_no_python_new_enough(checkout: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "dirname", "readlink", "cat", "cksum", "test"):
        found = shutil.which(name)
        assert found
        (tools / name).symlink_to(found)
    old = tools / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = sh("./marquee", "up", cwd=checkout, env={"PATH": str(tools)})
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr
    assert not (checkout / ".venv").exists()


def test_it_makes_its_environment_beside_itself(checkout: Path, tmp_path: Path) -> None:
    """The rest of the way, with a `python3` whose `venv` makes an environment with a played pip."""
    done = sh(str(checkout / "marquee"), "up", cwd=tmp_path, env={"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)})
    # Nothing can be installed from nowhere, and that is said; the environment itself was made.
    assert done.returncode != 0
    assert (checkout / ".venv" / "bin" / "python").exists()
    assert not list((checkout / ".venv").glob(".marquee-*"))
