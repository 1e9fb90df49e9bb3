import aiohttp
import httpx
import requests
import urllib3
from aiohttp_retry import ExponentialRetry, JitterRetry, RandomRetry, RetryClient
from httpx_retries import Retry as HttpxRetry
from httpx_retries import RetryTransport
from requests.adapters import HTTPAdapter
from requests.packages.urllib3.util.retry import Retry


def make_session(retries=3, backoff_factor=0.3, statuses=(500, 502, 504), session=None):
    session = session or requests.Session()
    retry = Retry(total=retries, read=1, backoff_factor=backoff_factor, status_forcelist=statuses)
    adapter = HTTPAdapter(max_retries=retry)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


class Shop:
    def __init__(self):
        self.session = make_session()
        self.plain = requests.Session()
        self.plain.mount("https://", HTTPAdapter(max_retries=3))

    def articles(self):
        return self.session.get("https://shop.example/articles", timeout=6)

    def prices(self):
        return self.plain.get("https://shop.example/prices")


pool = urllib3.PoolManager(
    retries=Retry(4, backoff_factor=1, backoff_jitter=0.5, method_whitelist=["GET"]), timeout=3.0
)
inventory = httpx.Client(timeout=httpx.Timeout(5.0, connect=2.0), transport=httpx.HTTPTransport(retries=2))
endless = httpx.AsyncClient(timeout=None, base_url="https://feed.example")
polite = httpx.Client(transport=RetryTransport(retry=HttpxRetry(total=5, backoff_factor=0.5)))


async def crawl(url):
    options = ExponentialRetry(attempts=4, start_timeout=0.2, statuses={429, 404})
    async with RetryClient(retry_options=options, timeout=aiohttp.ClientTimeout(total=20)) as client:
        return await client.get(url)


jittered = JitterRetry(attempts=2, exceptions={aiohttp.ClientError})
uneven = RandomRetry(min_timeout=1, max_timeout=3, retry_all_server_errors=False, statuses=[503])
