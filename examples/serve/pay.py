"""Sixty payments by requests, each tried again with one key by tenacity. `resim serve payments.yaml -- python pay.py`

Its argument is the time between two payments in seconds, 0.1 if there is none.

urllib3's own Retry (`HTTPAdapter(max_retries=…)`) is not enough here: it sees no body that is cut short, for requests
reads the body after urllib3 is done.
"""

import os
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import requests
import tenacity

URL = os.environ["RESIM_URL"] + "/payments"
PAUSE = float(sys.argv[1]) if len(sys.argv) > 1 else 0.1
BACKOFF = tenacity.wait_exponential(multiplier=0.1, max=1)


def wait(state: tenacity.RetryCallState) -> float:
    """Longer each time, and at least as long as the server says."""
    error = state.outcome.exception()
    answer = getattr(error, "response", None)
    told = 0.0 if answer is None else float(answer.headers.get("Retry-After", 0))
    return max(told, BACKOFF(state))


@tenacity.retry(
    stop=tenacity.stop_after_attempt(8),
    wait=wait,
    retry=tenacity.retry_if_exception_type(requests.RequestException),
    reraise=True,
)
def pay(order: int, key: str) -> None:
    answer = requests.post(URL, json={"order": order}, headers={"Idempotency-Key": key}, timeout=0.5)
    answer.raise_for_status()


with ThreadPoolExecutor(60) as pool:
    payments = []
    for order in range(60):
        payments.append(pool.submit(pay, order, str(uuid.uuid4())))  # one key for all tries
        time.sleep(PAUSE)
failed = [payment.exception() for payment in payments if payment.exception() is not None]
for error in failed:
    print(repr(error), file=sys.stderr)
print(f"python paid {60 - len(failed)} of 60")
sys.exit(0 if len(failed) <= 5 else 1)
