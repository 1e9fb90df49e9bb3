import random
from datetime import timedelta

import httpx
import tenacity as t
from jobs.settings import settings
from tenacity import RetryError, retry, stop_after_delay, stop_before_delay, wait_chain, wait_fixed, wait_random
from tenacity import stop_after_attempt as stop

LIMIT = timedelta(minutes=1)
PATIENT = t.retry(stop=stop(4), wait=t.wait_incrementing(start=1, increment=2, max=9))


@retry
def forever():
    return httpx.get("https://jobs.example/next")


@retry(wait=wait_fixed(2))
def never_gives_up():
    return httpx.get("https://jobs.example/next").raise_for_status()


@retry(stop=stop(5) | stop_after_delay(LIMIT), wait=wait_fixed(1) + wait_random(0, 2))
def both():
    return httpx.get("https://jobs.example/next", timeout=4).raise_for_status()


@retry(stop=(stop(2) & stop_before_delay(3)), wait=t.wait_exponential(multiplier=0.5, min=1, max=10))
async def all_of_them():
    async with httpx.AsyncClient(timeout=httpx.Timeout(3, read=7)) as client:
        return (await client.get("https://jobs.example/next")).raise_for_status()


@retry(stop=stop(6), wait=wait_chain(*[wait_fixed(1) for _ in range(2)], wait_fixed(5)))
def chained():
    return both()


@PATIENT
def patient():
    return random.random()


@retry(stop=stop(settings.attempts), retry=t.retry_if_exception_type((httpx.TimeoutException, ConnectionResetError)))
def configured():
    return httpx.get("https://jobs.example/next", timeout=2)


def looped():
    try:
        for attempt in t.Retrying(stop=stop(3), wait=t.wait_exponential_jitter(initial=0.2, max=4, jitter=0.5)):
            with attempt:
                httpx.get("https://jobs.example/next", timeout=1).raise_for_status()
    except RetryError:
        return None


@retry(retry=t.retry_if_exception_type(ValueError), stop=stop(3))
def parses():
    return httpx.get("https://jobs.example/next").json()
