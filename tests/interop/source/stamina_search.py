import datetime as dt

import httpx
import stamina


@stamina.retry(on=httpx.HTTPError, attempts=3, timeout=dt.timedelta(seconds=20), wait_initial=0.2, wait_max=3.0)
def search(words):
    return httpx.get("https://search.example", params={"q": words}, timeout=2.5).raise_for_status()


@stamina.retry(on=(OSError, httpx.TransportError), attempts=None, timeout=None, wait_jitter=0)
async def suggest(words): ...


async def refresh():
    async for attempt in stamina.retry_context(on=Exception, attempts=2, wait_exp_base=3):
        with attempt:
            httpx.post("https://search.example/refresh", timeout=30).raise_for_status()


caller = stamina.RetryingCaller(attempts=5, timeout=10.0)
