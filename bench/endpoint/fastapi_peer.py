"""What the documentation gives a Python user: FastAPI, pydantic, the official Receiver; no ledger."""

import argparse
from datetime import datetime
from typing import Literal

import uvicorn
from fastapi import FastAPI, Header, HTTPException, Request
from pydantic import BaseModel
from qstash import Receiver
from qstash.errors import SignatureError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--keys", nargs=2, required=True)
arguments = parser.parse_args()
receiver = Receiver(current_signing_key=arguments.keys[0], next_signing_key=arguments.keys[1])
app = FastAPI()


class CheckAlerts(BaseModel):
    """The same payload."""

    action: Literal["check-alerts"]
    slot: datetime | None = None


class Envelope(BaseModel):
    """The same envelope."""

    type: str
    schemaVersion: int  # noqa: N815
    jobId: str  # noqa: N815
    userId: str | None = None  # noqa: N815
    enqueuedAt: datetime | None = None  # noqa: N815
    payload: CheckAlerts


@app.post("/api/workers/alert-checker")
async def work(request: Request, upstash_signature: str = Header()) -> dict[str, str]:
    """Verify, decode, answer."""
    body = await request.body()
    try:
        receiver.verify(signature=upstash_signature, body=body.decode(), url=str(request.url))
    except SignatureError:
        raise HTTPException(401) from None
    Envelope.model_validate_json(body)
    return {}


uvicorn.run(app, host="127.0.0.1", port=arguments.port, access_log=False, log_config=None)
