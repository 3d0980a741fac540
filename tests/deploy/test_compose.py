"""The compose file is valid, starts modules that exist, and speaks the names the code knows."""

from __future__ import annotations

import importlib.util
import json
import re
from importlib import resources
from typing import Any

import jsonschema
import pytest
import yaml

from deploy.local import secrets, servers
from deploy.local.databases import SERVICES
from deploy.local.installation import HOME
from services.campaign.settings import CampaignSettings
from shared.settings import Process

FILE = HOME / "docker-compose.yml"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return loaded


def test_it_follows_the_compose_specification(compose: dict[str, Any]) -> None:
    schema = json.loads(
        resources.files("check_jsonschema.builtin_schemas.vendor").joinpath("compose-spec.json").read_text()
    )
    validator = jsonschema.Draft202012Validator(schema)
    assert list(validator.iter_errors(compose)) == []
    wrong = {**compose, "services": {"postgres": {"imaje": "postgres:18"}}}
    assert list(validator.iter_errors(wrong)), "the schema must be able to refuse"


def test_it_runs_the_five_processes_the_console_and_two_servers(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {*SERVICES, "console", "postgres", "nats", "prepare"}
    for name in (*SERVICES, "console", "prepare"):
        interpreter, flag, module = compose["services"][name]["command"]
        assert (interpreter, flag) == ("python", "-m")
        package = importlib.util.find_spec(module)
        assert package is not None, module
        if package.submodule_search_locations is not None:
            assert importlib.util.find_spec(f"{module}.__main__") is not None, module
    assert compose["services"]["gateway"]["command"][-1] == "gateway"


def names_of(settings: type[Process]) -> set[str]:
    """Environment variables that settings class reads."""
    prefix = settings.model_config.get("env_prefix", "")
    return {str(field.validation_alias or prefix + name).upper() for name, field in settings.model_fields.items()}


def settings_of(service: str) -> type[Process]:
    if service == "campaign":
        return CampaignSettings
    modules = {"gateway": "gateway.settings", "console": "gateway.console.settings"}
    found: type[Process] = importlib.import_module(modules.get(service, f"services.{service}.app")).Settings
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_its_variables_are_known_to_the_code(compose: dict[str, Any], service: str) -> None:
    assert set(compose["services"][service]["environment"]) - names_of(settings_of(service)) == set()
    assert {"DATABASE_URL", "NATS_URL", "NATS_MONITOR_URL", "MARQUEE_SECRET"} <= set(
        compose["services"][service]["environment"]
    )


def test_the_manners_of_campaigns_can_be_set(compose: dict[str, Any]) -> None:
    given = compose["services"]["campaign"]["environment"]
    names = ("SMTP_URL", "SMS_URL", "PUSH_URL", "MARKETING_CAP", "QUIET_HOURS", "DEFAULT_ZONE", "APPROVE_OWN")
    defaults = {
        name: match[2]
        for name in names
        if (match := re.fullmatch(rf"\$\{{MARQUEE_{name}(:?-)(.*)\}}", given.get(f"MARQUEE_{name}", "")))
    }
    assert set(defaults) == set(names)
    needed = {"database_url": "postgresql://x", "nats_url": "x", "nats_monitor_url": "x", "secret": "s" * 32}
    read = CampaignSettings.model_validate(needed | {name.lower(): value for name, value in defaults.items()})
    assert (read.marketing_cap, read.quiet_hours, read.default_zone) == (5, "22:00-08:00", "Asia/Shanghai")
    assert not read.approve_own


def test_env_makes_every_secret_it_requires() -> None:
    required = set(re.findall(r"\$\{(\w+):\?", FILE.read_text()))
    made = dict(line.split("=", 1) for line in secrets.as_environment(secrets.fresh()).splitlines())
    assert set(made) == required
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", value) for value in made.values())
    passwords = [value for name, value in made.items() if name.startswith("NATS_")]
    assert all(value[0].isalpha() for value in passwords), "nats-server reads a value like 12e4 as a number"


def test_servers_have_the_configuration_of_the_embedded_ones(compose: dict[str, Any]) -> None:
    postgres, nats = compose["services"]["postgres"], compose["services"]["nats"]
    assert "./deploy/postgres.conf:/etc/marquee/postgres.conf:ro" in postgres["volumes"]
    assert "config_file=/etc/marquee/postgres.conf" in postgres["command"]
    assert "./deploy/nats.conf:/etc/marquee/nats.conf:ro" in nats["volumes"]
    assert "/etc/marquee/nats.conf" in nats["command"]
    assert set(nats["environment"]) == {f"NATS_{user.upper()}_PASSWORD" for user in servers.NATS_USERS}
    assert set(re.findall(r"\$(NATS_\w+)", (servers.DEPLOY / "nats.conf").read_text())) == set(nats["environment"])


def test_the_console_knows_nothing_but_the_gateway(compose: dict[str, Any]) -> None:
    given = set(compose["services"]["console"]["environment"])
    assert given - names_of(settings_of("console")) == set()
    assert not given & {"DATABASE_URL", "NATS_URL"}


def test_only_the_gateway_and_the_console_are_reachable_from_outside(compose: dict[str, Any]) -> None:
    reachable = {name for name, service in compose["services"].items() if service.get("ports")}
    assert reachable == {"gateway", "console"}


def test_every_image_and_version_is_named(compose: dict[str, Any]) -> None:
    for name in ("postgres", "nats"):
        assert ":" in compose["services"][name]["image"]
    dockerfile = (servers.DEPLOY / "Dockerfile").read_text()
    for source in re.findall(r"^COPY (.+) \S+$", dockerfile, re.MULTILINE):
        assert (HOME / source).exists(), source
    assert "USER marquee" in dockerfile
