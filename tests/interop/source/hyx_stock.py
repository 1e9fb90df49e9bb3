import httpx
from hyx.bulkhead import bulkhead
from hyx.circuitbreaker import consecutive_breaker
from hyx.retry import retry
from hyx.retry.backoffs import expo
from hyx.timeout import timeout

breaker = consecutive_breaker(exceptions=httpx.HTTPError, failure_threshold=4, recovery_time_secs=20)
client = httpx.AsyncClient(timeout=3)


@bulkhead(max_concurrency=5, max_capacity=8)
@retry(on=httpx.HTTPError, attempts=2, backoff=0.25)
@breaker
async def stock(article):
    return (await client.get(f"https://stock.example/{article}")).raise_for_status()


@timeout(4)
@retry(backoff=expo(min_delay_secs=0.1, base=3, max_delay_secs=2))
async def reserve(article):
    return (await client.post(f"https://stock.example/{article}")).raise_for_status()


@retry(attempts=None)
async def forever(article): ...
