"""The bare baseline: FastAPI endpoints that do nothing, on the very server that our processes run on."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from fastapi import FastAPI, Request, Response

from shared.serve import serve
from shared.settings import Settings


def create(settings: Settings) -> FastAPI:
    """`POST /bare` answers as the tracking API does; `POST /same` answers the bytes of the file named on the line."""
    app = FastAPI()
    same = Path(sys.argv[2]).read_bytes() if len(sys.argv) > 2 else b"{}"

    @app.post("/bare")
    async def bare(request: Request) -> dict[str, bool]:
        await request.body()
        return {"success": True}

    @app.post("/same")
    async def again(request: Request) -> Response:
        await request.body()
        return Response(same, media_type="application/json")

    return app


def main(argv: Sequence[str]) -> int:
    """Serve on the port given."""
    unused = "postgresql://nobody@127.0.0.1/none"
    settings = Settings.model_validate(
        {
            "DATABASE_URL": unused,
            "NATS_URL": "nats://127.0.0.1",
            "NATS_MONITOR_URL": "http://127.0.0.1",
            "PORT": int(argv[0]),
            "secret": "s" * 32,
        }
    )
    serve("bare", settings, create)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
