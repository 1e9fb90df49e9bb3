"""Real schedulers and workers of Dask, as processes that talk over TCP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from patience import PATIENCE

ROOT = Path(__file__).parent.parent.parent


class Cluster:
    """A scheduler on a port that the system has chosen, and what belongs to it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "scheduler.json"
        self.processes: list[subprocess.Popen[bytes]] = []
        self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(self._file))
        self.address: str = ""

        def answers() -> bool:
            try:
                self.address = json.loads(self._file.read_text(encoding="utf-8"))["address"]
            except (OSError, ValueError):
                return False
            return True

        self._wait(answers)

    def worker(self, name: str, preload: str = "", threads: int = 1) -> subprocess.Popen[bytes]:
        """Start a worker; ``preload`` is Python that it runs first."""
        more = []
        if preload:
            script = self._folder / f"{name}.py"
            script.write_text(preload, encoding="utf-8")
            more = ["--preload", str(script)]
        return self._start(
            *(
                "worker",
                self.address,
                "--name",
                name,
                "--nthreads",
                str(threads),
                "--no-nanny",
                "--death-timeout",
                "60",
            ),
            *("--host", "127.0.0.1", "--local-directory", str(self._folder / name), *more),
        )

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        environ = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",  # it looks a hundred times a second, idle or not
        }
        with (self._folder / f"{words[0]}-{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *words, "--no-dashboard"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder, env=environ,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def addresses(self, *names: str) -> dict[str, str]:
        """The address of each worker that the scheduler knows, by name; ``names``: as soon as it knows just these."""
        import distributed

        found: dict[str, str] = {}

        def there() -> bool:
            nonlocal found
            found = {each["name"]: address for address, each in client.scheduler_info(-1)["workers"].items()}
            return not names or set(found) == set(names)

        with distributed.Client(self.address, timeout=PATIENCE, set_as_default=False) as client:
            self._wait(there)
        return found

    def _wait(self, done: object) -> None:
        end = time.monotonic() + PATIENCE
        while not done():  # type: ignore[operator]
            assert time.monotonic() < end, self.logs()
            time.sleep(0.05)

    def logs(self) -> str:
        return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in self._folder.glob("*.log"))

    def end(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()


@contextmanager
def cluster_of(folder: Path, *names: str) -> Iterator[Cluster]:
    """A scheduler with workers of these names."""
    cluster = Cluster(folder)
    try:
        for name in names:
            cluster.worker(name)
        cluster.addresses(*names)
        yield cluster
    finally:
        cluster.end()


def stop(process: subprocess.Popen[bytes]) -> None:
    """Let it hang, as a machine does that is out of memory."""
    process.send_signal(signal.SIGSTOP)
