"""Settings of campaign."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.days import Zone
from shared.settings import Settings


class CampaignSettings(Settings):
    """How messages leave."""

    model_config = SettingsConfigDict(hide_input_in_errors=True)  # the SMTP address carries a password

    smtp_url: SecretStr | None = None
    """`smtp://user:password@host:port` or `smtps://…`; without it e-mails are planned and wait.

    `sink:` sends nothing: what would have been sent is shown at /v1/outbox.
    """
    mail_from: str = "Marquee <marquee@localhost>"
    """Who the e-mails are from: `address` or `Name <address>`."""
    smtp_connections: int = Field(16, ge=1, le=100)
    """Letters on their way at the same time."""
    smtp_attempts: int = Field(5, ge=1, le=100)
    """Tries of one message that the server answers with "later" (4yz) before it counts as failed."""
    sms_url: SecretStr | None = None
    """Where SMS are posted as JSON; without it they go into the local sink."""
    push_url: SecretStr | None = None
    """Where pushes are posted as JSON; without it they go into the local sink."""
    claim_seconds: float = Field(60.0, gt=0)
    """A claimed message whose sender went silent is planned again after this time; its sending had not begun."""
    call_seconds: float = Field(300.0, gt=0)
    """A message whose sender went silent while sending is `unknown` after this time. Longer than any SMTP dialogue."""
    send_set: int = Field(200, ge=1, le=500)
    """Messages that are marked as being sent in one commit: so many may be unsure after a crash, times `send_lanes`."""
    send_lanes: int = Field(3, ge=1, le=16)
    """Sets on their way at the same time: while one is with the server the next is written."""
    approve_own: bool = False
    """Whether operators may approve what they submitted themselves."""
    marketing_cap: int = Field(5, ge=0, le=1000)
    """Marketing messages one viewer may get in 7 days, over all campaigns and channels; 0 is no cap."""
    quiet_hours: str = Field("", pattern=r"^(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?$")
    """`22:00-08:00` on the viewer's clock, for campaigns that say nothing else; empty is none."""
    default_zone: Zone = "Asia/Shanghai"
    """Of viewers of whom profile knows none: no trait `timezone`, and no event of the last 90 days said one."""
