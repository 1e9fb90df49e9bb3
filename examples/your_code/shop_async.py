"""The same checkout with coroutines: stamina around httpx."""

import uuid

import httpx
import stamina

client = httpx.AsyncClient(base_url="http://b.resim", timeout=1)


@stamina.retry(on=httpx.HTTPError, attempts=4, wait_initial=0.5, wait_max=2, wait_jitter=0)
async def pay(key):
    answer = await client.post("/payments", json={"amount": 25}, headers={"Idempotency-Key": key})
    answer.raise_for_status()


async def checkout():
    await pay(str(uuid.uuid4()))
