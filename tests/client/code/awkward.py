"""Code that goes wrong, and code that cannot be virtual."""

import multiprocessing
import os
import signal
import subprocess
import threading
import time

import requests

session = requests.Session()


def stranger():
    session.get("http://api.example.com/")


def misspelt():
    session.get("http://c.resim/")


def encrypted():
    session.get("https://b.resim/")


def by_address():
    session.get("http://10.0.0.1/")


def starts_a_process():
    subprocess.run(["true"], check=True)


def forks():
    os.fork()


def starts_another():
    multiprocessing.Process(target=print).start()


def sets_an_alarm():
    signal.setitimer(signal.ITIMER_REAL, 1)


def swallows():
    try:
        stranger()
    except BaseException:
        time.sleep(1)


def listens():
    import socket

    socket.create_server(("127.0.0.1", 0))


left, right = threading.Lock(), threading.Lock()
turn = 0


def embraces():
    global turn
    turn += 1
    mine, theirs = (left, right) if turn % 2 else (right, left)
    with mine:
        time.sleep(1)
        with theirs:
            session.get("http://b.resim/")


def waits_for_nobody():
    threading.Event().wait()


def hangs():
    session.get("http://b.resim/")


def busy():
    while time.monotonic() < 10_000:
        pass


def spins():
    while True:
        time.sleep(0)


async def rounds():
    import asyncio

    while True:
        await asyncio.sleep(0)


def mistake():
    session.get("http://b.resim/").raise_for_status()
    return {}["price"]


def mistake_of_some(request):
    if request.number % 2:
        raise ValueError("an odd number")


def needs(order, customer):
    """Nobody hands these in."""


number = 5


def calls_when_over():
    threading.Thread(target=lambda: (time.sleep(1), session.get("http://b.resim/"))).start()
