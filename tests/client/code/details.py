"""Calls whose HTTP matters."""

import time
import uuid

import httpx
import requests
import urllib3

session = requests.Session()


def pay(key):
    for _ in range(3):
        try:
            answer = session.post(
                "http://b.resim/pay", headers={"Idempotency-Key": key()}, json={"amount": 5}, timeout=0.5
            )
            answer.raise_for_status()
        except requests.RequestException:
            continue
        return
    raise requests.Timeout


def one_key(request):
    """The key is the request's: the same on every attempt."""
    pay(lambda: request.key)


def a_key_each():
    """A mistake that people make: every attempt has another key."""
    pay(lambda: str(uuid.uuid4()))


def one_key_for_all():
    """And another: all requests have the same."""
    pay(lambda: "constant")


def an_order():
    """Two effects, which are no duplicates of each other."""
    session.post("http://b.resim/orders", timeout=5).raise_for_status()
    session.put("http://b.resim/carts/1", data=iter([b"a" * 10, b"b"]), timeout=5).raise_for_status()


def minds_retry_after():
    while True:
        answer = session.get("http://b.resim/")
        if answer.status_code != 429:
            answer.raise_for_status()
            return
        time.sleep(int(answer.headers["Retry-After"]))


def reads_everything():
    answer = session.get("http://b.resim/things?x=1")
    assert (answer.status_code, answer.json(), answer.headers["Server"]) == (200, {"ok": True}, "resim")
    assert session.head("http://b.resim/").text == ""


def by_status():
    answer = session.get("http://b.resim/", timeout=1)
    assert answer.status_code == 200, answer.status_code


crowded = urllib3.PoolManager(maxsize=1, block=True, retries=False)


def one_connection():
    """urllib3 waits for a connection of its pool."""
    crowded.request("GET", "http://b.resim/", timeout=5, pool_timeout=0.25)


few = httpx.AsyncClient(limits=httpx.Limits(max_connections=1), timeout=httpx.Timeout(5, pool=0.15))


async def one_connection_async():
    """And so does httpx."""
    (await few.get("http://b.resim/")).raise_for_status()


def short_of_time():
    session.get("http://b.resim/", timeout=(0.05, 5)).raise_for_status()


def several():
    session.get("http://shop.resim/", timeout=5).raise_for_status()
    session.get("http://db.resim/", timeout=5).raise_for_status()
