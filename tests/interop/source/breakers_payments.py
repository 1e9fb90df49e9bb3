from datetime import timedelta

import pybreaker
import requests
from aiobreaker import CircuitBreaker as AsyncBreaker
from circuitbreaker import CircuitBreaker, circuit

RESET = 60 / 2
payments = pybreaker.CircuitBreaker(fail_max=3, reset_timeout=RESET, success_threshold=2, exclude=[KeyError])
refunds = AsyncBreaker(fail_max=4, timeout_duration=timedelta(minutes=1, seconds=30))


@payments
def pay(order):
    return requests.post("https://pay.example", json=order, headers={"Idempotency-Key": order["id"]}, timeout=5)


@refunds
async def refund(order): ...


@circuit(failure_threshold=10, recovery_timeout=15, expected_exception=requests.RequestException)
def balance(account):
    return requests.get(f"https://pay.example/{account}", timeout=(1, 2))


@circuit
def rates():
    return requests.get("https://pay.example/rates", timeout=2)


def report():
    with payments.calling():
        return requests.get("https://pay.example/report", timeout=20)


ledger = CircuitBreaker(7)
