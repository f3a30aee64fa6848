"""GET /spend/{customerId} as most would write it: FastAPI, a pool of asyncpg, one statement for each request."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from fastapi import FastAPI, HTTPException, Request

_FIND = "select customer_id, orders, net_minor from peer.spend where customer_id = $1"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    # As many connections as one process of ours may have.
    async with asyncpg.create_pool(**json.loads(os.environ["STORE"]), min_size=8, max_size=8) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/spend/{customer_id}")
async def spend(customer_id: str, request: Request) -> dict[str, object]:
    async with request.app.state.pool.acquire() as connection:
        row = await connection.fetchrow(_FIND, customer_id)
    if row is None:
        raise HTTPException(404)
    return {
        "customerId": row["customer_id"],
        "orders": row["orders"],
        "totalNetMerchandiseValueEur": row["net_minor"] / 100,
    }
