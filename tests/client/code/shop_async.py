"""A shop's clients as people write them: coroutines."""

import aiohttp
import httpx
import stamina
import tenacity

client = httpx.AsyncClient(timeout=1, limits=httpx.Limits(max_connections=500))


@stamina.retry(on=httpx.HTTPError, attempts=3, wait_initial=1, wait_max=1, wait_jitter=0)
async def by_httpx():
    (await client.get("http://b.resim/cart")).raise_for_status()


@tenacity.retry(
    stop=tenacity.stop_after_attempt(3),
    wait=tenacity.wait_fixed(1),
    retry=tenacity.retry_if_exception_type((aiohttp.ClientError, TimeoutError)),
    reraise=True,
)
async def by_aiohttp():
    # a POST: aiohttp itself tries other methods once more where the connection breaks
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=1)) as session,
        session.post("http://b.resim/cart", json={"items": 3}) as answer,
    ):
        answer.raise_for_status()
        await answer.json()
