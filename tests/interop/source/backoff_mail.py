import backoff
import requests


@backoff.on_exception(backoff.expo, requests.exceptions.RequestException, max_tries=8, max_time=60, max_value=20)
def send(mail):
    requests.post("https://mail.example", json=mail, timeout=10).raise_for_status()


@backoff.on_exception(
    backoff.constant, (requests.Timeout, requests.ConnectionError), interval=3, jitter=None, max_tries=4
)
def status(ident):
    return requests.get(f"https://mail.example/{ident}")


@backoff.on_predicate(backoff.fibo, max_value=13)
def poll(queue):
    return queue.get()


@backoff.on_exception(backoff.expo, OSError, base=3, factor=0.5, jitter=backoff.random_jitter, max_tries=5, giveup=str)
def upload(data): ...
