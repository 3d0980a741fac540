"""Keys and passwords of this installation: made once, kept in the data folder for its owner only."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deploy.local.databases import SERVICES
from deploy.local.processes import CannotStart
from deploy.local.servers import NATS_USERS


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """`databases` and `bus` hold passwords by role and by user. All begin with a letter (see `deploy/nats.conf`)."""

    marquee_secret: str
    write_key: str
    secret_key: str
    admin_password: str
    """The one-time password of the account `admin`; it lets in until it is changed."""
    superuser: str
    databases: dict[str, str]
    bus: dict[str, str]


def fresh() -> Secrets:
    """New random secrets."""
    return Secrets(
        marquee_secret=secrets.token_hex(32),
        write_key=f"pk_{secrets.token_hex(10)}",
        secret_key=f"sk_{secrets.token_hex(6)}_{secrets.token_hex(24)}",
        admin_password=one_time(),
        superuser=_password(),
        databases={service: _password() for service in SERVICES},
        bus={user: _password() for user in NATS_USERS},
    )


def one_time() -> str:
    """A password that a person can type once: 80 bits in four groups."""
    return "-".join("".join(secrets.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(4)) for _ in range(4))


def _password() -> str:
    return "p" + secrets.token_hex(16)


def read(folder: Path) -> Secrets:
    """The secrets of an installation; CannotStart when it has none yet."""
    path = folder / "secrets.json"
    try:
        return Secrets(**json.loads(path.read_text()))
    except FileNotFoundError:
        raise CannotStart(f"There is no installation in {folder} yet. Run ./marquee up first.") from None
    except (ValueError, TypeError) as error:
        raise CannotStart(f"{path} cannot be read ({error}). Restore it: the databases know no other keys.") from None


def ensure(folder: Path) -> Secrets:
    """The secrets of an installation, made and written (mode 0600, synced) at the first start."""
    path = folder / "secrets.json"
    if path.exists():
        if "admin_password" not in json.loads(path.read_text()):  # made before there were accounts
            _write(path, {**json.loads(path.read_text()), "admin_password": one_time()})
        return read(folder)
    if (folder / "postgres").exists():
        raise CannotStart(f"{folder} holds a database but {path.name} is missing. Restore it, or move the folder away.")
    made = fresh()
    _write(path, asdict(made))
    return made


def _write(path: Path, values: dict[str, Any]) -> None:
    draft = path.with_suffix(".new")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(values, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)


def as_environment(made: Secrets) -> str:
    """The secrets as a `.env` file for `docker-compose.yml`."""
    values = {
        "MARQUEE_SECRET": made.marquee_secret,
        "MARQUEE_WRITE_KEY": made.write_key,
        "MARQUEE_SECRET_KEY": made.secret_key,
        "MARQUEE_ADMIN_PASSWORD": made.admin_password,
        "POSTGRES_PASSWORD": made.superuser,
        **{f"{service.upper()}_DATABASE_PASSWORD": password for service, password in made.databases.items()},
        **{f"NATS_{user.upper()}_PASSWORD": password for user, password in made.bus.items()},
    }
    return "\n".join(f"{name}={value}" for name, value in values.items())
