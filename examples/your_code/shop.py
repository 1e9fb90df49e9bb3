"""The checkout of a shop: tenacity around requests."""

import uuid

import requests
import tenacity

session = requests.Session()


@tenacity.retry(
    stop=tenacity.stop_after_attempt(4),
    wait=tenacity.wait_exponential(multiplier=0.5, max=2),
    retry=tenacity.retry_if_exception_type(requests.RequestException),
    reraise=True,
)
def pay(key):
    answer = session.post("http://b.resim/payments", json={"amount": 25}, headers={"Idempotency-Key": key}, timeout=1)
    answer.raise_for_status()


def checkout():
    pay(str(uuid.uuid4()))  # one key for all tries
