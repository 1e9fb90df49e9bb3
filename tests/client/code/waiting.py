"""Everything that code may wait for, look at, or draw."""

import asyncio
import contextlib
import datetime
import functools
import os
import queue
import random
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep

import httpx
import requests

told = []  # what the calls of a run have seen; the module is a new one in each


def an_hour():
    time.sleep(3600)


def by_name():
    sleep(2)


def by_default(wait=time.sleep):
    wait(3)


class Waits:
    wait = staticmethod(time.sleep)
    later = functools.partial(time.sleep, 4)


def by_class():
    Waits.wait(1)
    Waits.later()


def clocks():
    before = (time.time_ns(), time.monotonic_ns(), datetime.datetime.now(datetime.UTC), monotonic())
    time.sleep(1.5)
    after = (time.time_ns(), time.monotonic_ns(), datetime.datetime.now(datetime.UTC), monotonic())
    assert after[0] - before[0] == after[1] - before[1] == 1_500_000_000
    assert after[2] - before[2] == datetime.timedelta(seconds=1.5)
    assert 1.5 - 1e-9 < after[3] - before[3] < 1.5 + 1e-9
    assert datetime.datetime.utcnow().year == 2026
    assert datetime.date.today().isoformat() in ("2026-01-01", "2025-12-31")
    assert isinstance(before[2], datetime.datetime)


def luck():
    drawn = (
        random.random(),
        random.Random().random(),
        uuid.uuid4(),
        uuid.uuid1(),
        os.urandom(4),
        random.SystemRandom().random(),
    )
    time.sleep(drawn[0] + drawn[1] + drawn[5] + drawn[2].int % 1000 / 1000 + drawn[4][0] / 100 + drawn[3].int % 7)


def threads():
    done = queue.Queue()

    def work(seconds):
        time.sleep(seconds)
        done.put(seconds)

    workers = [threading.Thread(target=work, args=(seconds,)) for seconds in (3, 1, 2)]
    for worker in workers:
        worker.start()
    assert [done.get() for _ in workers] == [1, 2, 3]
    for worker in workers:
        worker.join()
        assert not worker.is_alive()


def executor():
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda seconds: time.sleep(seconds) or seconds, [2, 2, 2])) == [2, 2, 2]


def attempts_in_threads():
    with ThreadPoolExecutor(4) as pool:
        for answer in pool.map(lambda _: requests.get("http://b.resim/", timeout=5), range(3)):
            answer.raise_for_status()


lock = threading.Lock()


def one_at_a_time():
    with lock:
        time.sleep(1)


def with_a_limit():
    if not lock.acquire(timeout=0.5):
        raise TimeoutError("busy")
    try:
        time.sleep(2)
    finally:
        lock.release()


local = threading.local()


def of_its_own():
    assert not hasattr(local, "mine")
    local.mine = threading.get_ident()
    time.sleep(1)
    assert local.mine == threading.get_ident() == threading.current_thread().ident


async def gathers():
    await asyncio.gather(*(asyncio.sleep(seconds) for seconds in (1, 2, 3)))
    await asyncio.to_thread(time.sleep, 1)


async def blocks_the_loop():
    time.sleep(1)


def runs_a_loop():
    async def inside():
        async with asyncio.timeout(5):
            await asyncio.sleep(1)

    asyncio.run(inside())


calls = 0


def counts():
    global calls
    calls += 1
    time.sleep(calls)


client = httpx.AsyncClient(timeout=60)


async def gives_up():
    async with asyncio.timeout(0.25):
        await client.get("http://b.resim/")


async def hedges():
    legs = [asyncio.ensure_future(client.get("http://b.resim/"))]
    done, _ = await asyncio.wait(legs, timeout=0.1)
    if not done:
        legs.append(asyncio.ensure_future(client.get("http://b.resim/")))
        done, _ = await asyncio.wait(legs, return_when=asyncio.FIRST_COMPLETED)
    for leg in legs:
        if leg not in done:
            leg.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await leg
    next(iter(done)).result().raise_for_status()


def ticks():
    while True:
        time.sleep(1)


def beside_a_ticker():
    if threading.current_thread().name == "never":
        return
    threading.Thread(target=ticks, daemon=True).start()


threading.Thread(target=ticks, daemon=True).start()  # serves no request, and must not keep a run going
