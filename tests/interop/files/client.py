"""The inventory, as the order service calls it."""

import requests
from requests.adapters import HTTPAdapter
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential
from urllib3.util.retry import Retry

ATTEMPTS = 2 + 1
TIMEOUT = (3.05, 2)

session = requests.Session()
session.mount("https://", HTTPAdapter(max_retries=Retry(total=2, backoff_factor=0.2, status_forcelist=[429, 503])))


@retry(
    stop=stop_after_attempt(ATTEMPTS),
    wait=wait_random_exponential(multiplier=0.5, max=8),
    retry=retry_if_exception_type((requests.ConnectionError, requests.Timeout)),
)
def stock_of(article):
    answer = session.get(f"https://inventory.example/{article}", timeout=TIMEOUT)
    answer.raise_for_status()
    return answer.json()["stock"]
