"""Settings of campaign."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.settings import Settings


class CampaignSettings(Settings):
    """How e-mails leave."""

    model_config = SettingsConfigDict(hide_input_in_errors=True)  # the SMTP address carries a password

    smtp_url: SecretStr | None = None
    """`smtp://user:password@host:port` or `smtps://…`. Without it messages are planned and wait."""
    mail_from: str = "Marquee <marquee@localhost>"
    """Who the e-mails are from: `address` or `Name <address>`."""
    smtp_connections: int = Field(8, ge=1, le=100)
    """Letters on their way at the same time."""
    smtp_attempts: int = Field(5, ge=1, le=100)
    """Tries of one message that the server answers with "later" (4yz) before it counts as failed."""
    claim_seconds: float = Field(60.0, gt=0)
    """A claimed message whose sender went silent is planned again after this time; its sending had not begun."""
    call_seconds: float = Field(300.0, gt=0)
    """A message whose sender went silent while sending is `unknown` after this time. Longer than any SMTP dialogue."""
