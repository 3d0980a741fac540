"""The gateway's own options."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from shared.settings import Settings as Kernel


class Settings(Kernel):
    """Where the services are, the first keys, and how much one key may send."""

    profile_url: str = Field("http://127.0.0.1:8001", validation_alias="PROFILE_URL")
    segment_url: str = Field("http://127.0.0.1:8002", validation_alias="SEGMENT_URL")
    campaign_url: str = Field("http://127.0.0.1:8003", validation_alias="CAMPAIGN_URL")
    recommend_url: str = Field("http://127.0.0.1:8004", validation_alias="RECOMMEND_URL")
    write_key: str | None = None
    """A first write key, `pk_…`; made at the start when no key has its id."""
    secret_key: SecretStr | None = None
    """A first secret key with the role admin, `sk_<id>_<secret>`; made at the start when no key has its id."""
    admin_password: SecretStr | None = None
    """The one-time password of the account `admin`, which is made at the start when there is no account at all."""
    rate: float = 50_000.0
    """Events per second a write key may send to one process, unless the key has a rate of its own."""

    contact_ids: Literal["refuse", "keep"] = "refuse"
    """Calls whose userId, anonymousId or previousId is an e-mail address or a phone number (+…): ids stand in clear in
    every service, so they are refused, with the reason; `keep` takes them as they come."""

    def urls(self) -> dict[str, str]:
        """Address of each service."""
        return {
            "profile": self.profile_url.rstrip("/"),
            "segment": self.segment_url.rstrip("/"),
            "campaign": self.campaign_url.rstrip("/"),
            "recommend": self.recommend_url.rstrip("/"),
        }
