"""`keys`, `status` and `psql`: what an operator asks a running installation."""

from __future__ import annotations

import json
import os
from typing import Any, NoReturn

import httpx

from deploy.local import installation, secrets, servers
from deploy.local.processes import CannotStart


def show() -> int:
    """Print the installation's first keys as one JSON object, and nothing else."""
    kept = secrets.read(installation.installation().data)
    print(json.dumps({"write_key": kept.write_key, "secret_key": kept.secret_key}))
    return 0


def list_all() -> int:
    """Print every key of the running installation, newest first, one JSON object a line."""
    with _gateway() as client:
        cursor: str | None = ""
        while cursor is not None:
            page = _answer(client.get("/v1/keys", params={"cursor": cursor} if cursor else {}))
            for key in page["items"]:
                print(json.dumps(key))
            cursor = page.get("next")
    return 0


def create(*, kind: str, name: str, role: str | None, origins: list[str]) -> int:
    """Make a key and print it; its text is shown this once."""
    wanted = {"kind": kind, "name": name, "role": role, "origins": origins}
    with _gateway() as client:
        print(json.dumps(_answer(client.post("/v1/keys", json=wanted))))
    return 0


def revoke(key: str) -> int:
    """Stop a key for good, named by its id or its text."""
    identity = key.split("_")[1] if key.startswith(("pk_", "sk_")) else key
    with _gateway() as client:
        _answer(client.delete(f"/v1/keys/{identity}"))
    print(json.dumps({"revoked": identity}))
    return 0


def _gateway() -> httpx.Client:
    place = installation.installation()
    state, kept = installation.running(place), secrets.read(place.data)
    return httpx.Client(base_url=state["url"], headers={"Authorization": f"Bearer {kept.secret_key}"}, timeout=10)


def _answer(answer: httpx.Response) -> Any:
    """The body of a good answer (None when there is none); CannotStart with the gateway's words otherwise."""
    if answer.is_success:
        return answer.json() if answer.content else None
    try:
        problem = answer.json()
        words = ": ".join(str(problem[part]) for part in ("title", "detail") if problem.get(part))
    except (ValueError, KeyError, AttributeError):
        words = answer.text[:300]
    raise CannotStart(f"The gateway said {answer.status_code}: {words}")


def status() -> int:
    """Print who runs where; 0 when everything is ready."""
    state = installation.running(installation.installation())
    ready = 0
    with httpx.Client(timeout=3) as client:
        for name, url in state["urls"].items():
            try:
                answer = client.get(f"{url}/readyz")
                word = "ready" if answer.status_code == 200 else f"not ready: {answer.text.strip()[:200]}"
            except httpx.HTTPError as error:
                word = f"does not answer: {error}"
            ready += word == "ready"
            print(f"{name:<10} {url:<28} {word}")
    for name in ("postgres", "nats"):
        where = f"127.0.0.1:{state['ports'][name]}" if state["embedded"][name] else "outside"
        alive = name in state["children"] or not state["embedded"][name]
        print(f"{name:<10} {where:<28} {'runs' if alive else 'does not run'}")
    return 0 if ready == len(state["urls"]) else 1


def psql(service: str, arguments: list[str]) -> NoReturn:
    """Become `psql` on that service's embedded database, with that service's role."""
    place = installation.installation()
    state, kept = installation.running(place), secrets.read(place.data)
    if service in state["outside"]:
        raise CannotStart(
            f"The database of {service} is outside this installation; use your own psql with its address."
        )
    binary = str(servers.postgres_binary("psql"))
    port = str(state["ports"]["postgres"])
    env = {**os.environ, "PGPASSWORD": kept.databases[service]}
    os.execve(binary, [binary, "-h", "127.0.0.1", "-p", port, "-U", service, "-d", service, *arguments], env)  # noqa: S606
