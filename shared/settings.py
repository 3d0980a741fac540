"""Settings of one process, read from the environment."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.contracts import PARTITIONS


class Process(BaseSettings):
    """What every process needs, also one that has neither database nor bus."""

    model_config = SettingsConfigDict(
        env_prefix="MARQUEE_", extra="ignore", populate_by_name=True, hide_input_in_errors=True
    )

    host: str = Field("127.0.0.1", validation_alias="HOST")
    port: int = Field(8000, validation_alias="PORT")
    log_level: str = Field("INFO", validation_alias="LOG_LEVEL")
    secret: SecretStr = Field(validation_alias="MARQUEE_SECRET")
    """The installation's root secret, at least 32 characters; every signing key is derived from it."""
    previous_secret: SecretStr | None = None
    """The root secret before this one, while keys that were wrapped with it are wrapped anew."""
    public_url: str = "http://127.0.0.1:8080"
    """The address front-ends and mail readers reach the gateway by."""

    trusted_proxies: str = "127.0.0.1,::1"
    """Whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed: addresses and networks between commas.

    The reverse proxy before the gateway and the console, and no more than it: whoever is trusted says who is calling.
    `*` believes everybody, which is right only where nobody but the proxy can reach the process.
    """

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, told: str) -> str:
        for one in told.split(",") if told.strip() != "*" else ():
            try:
                ipaddress.ip_network(one.strip())
            except ValueError as error:
                raise ValueError(
                    f"MARQUEE_TRUSTED_PROXIES: {error}; give addresses or networks between commas, as 10.0.0.0/8, or *"
                ) from None
        return told.strip()

    @field_validator("secret", "previous_secret")
    @classmethod
    def _long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value()) < 32:
            raise ValueError("MARQUEE_SECRET must have at least 32 characters")
        return secret

    def key(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose, derived from the root secret (HKDF-Expand of RFC 5869, one block)."""
        return _derived(self.secret, purpose)

    def previous_key(self, purpose: str) -> bytes | None:
        """The same key of the root secret before this one, when that is given."""
        return None if self.previous_secret is None else _derived(self.previous_secret, purpose)


class Settings(Process):
    """What a service's process needs. A service subclasses it for its own options (prefix `MARQUEE_`)."""

    database_url: str = Field(validation_alias="DATABASE_URL")
    """`postgresql://user:password@host:port/database`, the one database of this service."""
    nats_url: str = Field(validation_alias="NATS_URL")
    """`nats://user:password@host:port`, several separated by commas."""
    nats_monitor_url: str = Field(validation_alias="NATS_MONITOR_URL")
    """`http://host:port` of the NATS monitoring page, read once at the start."""
    partitions: int = PARTITIONS
    """Must be what the installation began with; kept here so that a mismatch is noticed at the start."""
    pool_size: int = 10
    """Database connections of this process (as many again may be opened for a short while)."""

    dead_letter_days: int = Field(30, ge=1, le=365)
    """Days for which what could not be taken in can be played again; it holds calls as they came."""

    @field_validator("database_url")
    @classmethod
    def _asyncpg(cls, url: str) -> str:
        """Accept the usual spellings of a PostgreSQL address."""
        scheme, separator, rest = url.partition("://")
        if not separator or scheme not in {"postgres", "postgresql", "postgresql+asyncpg"}:
            raise ValueError("DATABASE_URL must look like postgresql://user:password@host:port/database")
        return f"postgresql+asyncpg://{rest}"

    @field_validator("partitions")
    @classmethod
    def _as_installed(cls, partitions: int) -> int:
        if partitions != PARTITIONS:
            raise ValueError(f"MARQUEE_PARTITIONS must be {PARTITIONS}: another number would reorder viewers")
        return partitions


def _derived(secret: SecretStr, purpose: str) -> bytes:
    root = hashlib.sha256(secret.get_secret_value().encode()).digest()
    return hmac.new(root, purpose.encode() + b"\x01", hashlib.sha256).digest()
