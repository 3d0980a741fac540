"""Tables of the kernel, present in every service's database."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

NAMING = {
    "ix": "%(table_name)s_%(column_0_N_name)s",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}
"""Names of constraints and indexes; services use it too: `MetaData(naming_convention=NAMING)`."""

TIME = TIMESTAMP(timezone=True)
"""The type of every instant."""

kernel = MetaData(naming_convention=NAMING)

positions = Table(
    "positions",
    kernel,
    Column("stream", Text, primary_key=True),
    Column("part", SmallInteger, primary_key=True, autoincrement=False),
    Column("created", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    comment="How far this service has read: moved in the transaction that holds the effects",
)

heard = Table(
    "heard",
    kernel,
    Column("producer", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("part", SmallInteger, primary_key=True, autoincrement=False),
    Column("n", BigInteger, nullable=False),
    comment="Last message number of each producer: lower ones are repeats, a jump is a gap",
)

outbox = Table(
    "outbox",
    kernel,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("stream", Text, nullable=False),
    Column("part", SmallInteger, nullable=False),
    Column("n", BigInteger, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("at", TIME, nullable=False, server_default=func.now()),
    UniqueConstraint("stream", "part", "n"),
    comment="Finished messages that wait for their stream",
)

outbox_numbers = Table(
    "outbox_numbers",
    kernel,
    Column("stream", Text, primary_key=True),
    Column("part", SmallInteger, primary_key=True, autoincrement=False),
    Column("n", BigInteger, nullable=False),
    comment="Last message number given out; its row lock makes number order commit order",
)

dead_letters = Table(
    "dead_letters",
    kernel,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("stream", Text, nullable=False),
    Column("part", SmallInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("error", Text, nullable=False),
    Column("trace", Text, nullable=False),
    Column("at", TIME, nullable=False),
    Column("replayed_at", TIME),
    comment="What could not be taken in because of its content, with the reason; can be played again",
)

idempotency = Table(
    "idempotency",
    kernel,
    Column("caller", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("status", Integer),
    Column("content_type", Text),
    Column("body", LargeBinary),
    Column("at", TIME, nullable=False),
    Index(None, "at"),
    comment="Answers of unsafe calls that carried an Idempotency-Key",
)

jobs = Table(
    "jobs",
    kernel,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("params", JSONB, nullable=False),
    Column("state", Text, nullable=False),
    Column("cursor", Text),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger),
    Column("attempts", Integer, nullable=False),
    Column("error", Text),
    Column("begun_at", TIME, nullable=False),
    Column("updated_at", TIME, nullable=False),
    Index("jobs_open", "id", postgresql_where="state = 'running'"),
    comment="Long work in steps: each step one transaction, the cursor says where to go on",
)

catch_ups = Table(
    "catch_ups",
    kernel,
    Column("kind", Text, primary_key=True),
    Column("cursor", Text),
    Column("numbers", JSONB),
    Column("finished", Boolean, nullable=False),
    comment="Snapshots a newcomer pages from their owners before it reads on",
)

erasure_receipts = Table(
    "erasure_receipts",
    kernel,
    Column("erasure_id", BigInteger, primary_key=True, autoincrement=False),
    Column("part", BigInteger, primary_key=True, autoincrement=False),
    Column("rows", JSONB, nullable=False),
    Column("at", TIME, nullable=False),
    comment="Who was forgotten here: how many rows of each table were removed or made nobody's",
)

lasting_keys = Table(
    "lasting_keys",
    kernel,
    Column("purpose", Text, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_at", TIME, nullable=False),
    comment="Keys of what stands here for good, each encrypted with one of the root secret",
)
