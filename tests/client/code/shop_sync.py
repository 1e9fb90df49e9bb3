"""A shop's clients as people write them: plain functions."""

import httpx
import pybreaker
import requests
import stamina
import tenacity
import urllib3

session = requests.Session()
session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=500))


def get(path="/cart", timeout=1):
    answer = session.get("http://b.resim" + path, timeout=timeout)
    answer.raise_for_status()
    return answer


@tenacity.retry(stop=tenacity.stop_after_attempt(3), wait=tenacity.wait_fixed(1), reraise=True)
def three_times():
    return get()


@tenacity.retry(
    stop=tenacity.stop_after_attempt(4),
    wait=tenacity.wait_exponential(multiplier=0.2, max=1),
    retry=tenacity.retry_if_exception_type(requests.RequestException),
)
def exponential():
    return get()


breaker = pybreaker.CircuitBreaker(fail_max=3, reset_timeout=2, throw_new_error_on_trip=False)


@tenacity.retry(
    stop=tenacity.stop_after_attempt(3),
    wait=tenacity.wait_fixed(0.5),
    retry=tenacity.retry_if_exception_type(requests.RequestException),
    reraise=True,
)
@breaker
def guarded():
    return get()


client = httpx.Client(timeout=1, limits=httpx.Limits(max_connections=500))


@stamina.retry(on=httpx.HTTPError, attempts=3, wait_initial=1, wait_max=1, wait_jitter=0)
def by_httpx():
    client.get("http://b.resim/cart").raise_for_status()


pool = urllib3.PoolManager(
    maxsize=500, timeout=1, retries=urllib3.Retry(total=2, backoff_factor=0.4, status_forcelist=[500, 503])
)


def by_urllib3():
    pool.request("GET", "http://b.resim/cart")


def once():
    get()
