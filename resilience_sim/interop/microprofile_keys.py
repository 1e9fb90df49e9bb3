"""Which properties of a file are about fault tolerance, and which of them counts where.

MicroProfile's names (``com.acme.Svc/method/Retry/maxRetries``) and those of SmallRye and Quarkus
(``quarkus.fault-tolerance."com.acme.Svc/method".retry.max-retries``) say the same; of one level the latter go before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePath

from resilience_sim.interop.documents import ConfigFile
from resilience_sim.interop.findings import NOT_MODELLED, UNKNOWN_KEY, At, Log, distinct, safe_name
from resilience_sim.interop.placeholders import filled_in
from resilience_sim.interop.texts import meant
from resilience_sim.scenario.text.tree import Entry, Mapping, Scalar

MEMBERS: dict[str, tuple[str, ...]] = {  # of the specification 4.1 and of SmallRye's own annotations
    "Retry": (
        "maxRetries", "delay", "delayUnit", "maxDuration", "durationUnit", "jitter", "jitterDelayUnit", "retryOn",
        "abortOn",
    ),
    "CircuitBreaker": (
        "requestVolumeThreshold", "failureRatio", "delay", "delayUnit", "successThreshold", "failOn", "skipOn",
    ),
    "Timeout": ("value", "unit"),
    "Bulkhead": ("value", "waitingTaskQueue"),
    "Fallback": ("value", "fallbackMethod", "applyOn", "skipOn"),
    "RateLimit": ("value", "window", "windowUnit", "minSpacing", "minSpacingUnit", "type"),
    "ExponentialBackoff": ("factor", "maxDelay", "maxDelayUnit"),
    "FibonacciBackoff": ("maxDelay", "maxDelayUnit"),
    "CustomBackoff": ("value",),
    "RetryWhen": ("exception", "result"),
    "BeforeRetry": ("value", "methodName"),
    "Asynchronous": (),
    "AsynchronousNonBlocking": (),
    "ApplyGuard": ("value",),
}  # fmt: skip
_NEW_NAMES = {"durationUnit": "maxDurationUnit", "jitterDelayUnit": "jitterUnit"}  # in SmallRye's form
PREFIXES = ("quarkus.fault-tolerance.", "smallrye.faulttolerance.")
SWITCHES = {
    "MP_Fault_Tolerance_NonFallback_Enabled": "enabled",
    "MP_Fault_Tolerance_Metrics_Enabled": "",
    "MP_Fault_Tolerance_Interceptor_Priority": "",
}
_OTHER = "about metrics, threads and interceptors"
OTHER_SWITCHES = ("metrics.enabled", "mp-compatibility", "opentelemetry.enabled", "micrometer.enabled",
                  "interceptor-priority", "mainThreadPoolSize", "mainThreadPoolQueueSize")  # fmt: skip
_ANNOTATIONS = "|".join(MEMBERS)
_CLASSIC = re.compile(rf"(?:(?P<place>[^=\s]+)/)?(?P<annotation>{_ANNOTATIONS})/(?P<member>[A-Za-z][\w-]*)\Z")
_LIKE_CLASSIC = re.compile(r"[^=\s]+/(?P<annotation>[A-Za-z]+)/(?P<member>[A-Za-z]+)\Z")
_PROFILE = re.compile(r'"?%(\{[^}]*\}|[\w,-]+)"?\.')
_STEP = re.compile(r'"((?:[^"\\]|\\.)*)"|([^."]+)')
_CLIENT = re.compile(r"(?P<place>[^=\s]+)/mp-rest/(?P<member>connectTimeout|readTimeout)\Z")
_QUARKUS_CLIENT = re.compile(
    r'quarkus\.rest-client\.(?:"(?P<quoted>[^"]+)"|(?P<plain>[\w-]+))\.(?P<member>(?:connect|read)-timeout)\Z'
)
# what people take for the names of settings for all; no specification has them
_INVENTED = re.compile(r"(?:mp|microprofile)\.fault[.-]?tolerance\.[^/]+\Z", re.IGNORECASE)
GLOBAL = ""


def kebab(name: str) -> str:
    """``maxRetries`` as SmallRye writes it: ``max-retries``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


_OF_KEBAB = {kebab(name): name for name in MEMBERS}
# Variables of the environment, by their names: those of settings for all. That of a method does not say where its class
# ends, and in other forms (`RETRY_DELAY`) nobody can tell whose a variable is.
_OF_VARIABLE = {
    re.sub(r"\W", "_", name).upper(): name
    for name in (
        *SWITCHES,
        *(
            f"{prefix}global.{kebab(annotation)}.{kebab(_NEW_NAMES.get(member, member))}"
            for prefix in PREFIXES
            for annotation, members in MEMBERS.items()
            for member in (*members, "enabled")
        ),
    )
}


@dataclass(slots=True)
class Said:
    """One property of an annotation, and the rank of its form and profile."""

    member: str
    entry: Entry
    rank: int


@dataclass(slots=True)
class Properties:
    """What a file says about fault tolerance, under the profiles that apply.

    ``said``: of each place (a method, a class, a guard, "" for all) by annotation, in the order of the file.
    """

    said: dict[str, dict[str, list[Said]]] = field(default_factory=dict)
    enabled: Entry | None = None
    clients: dict[str, dict[str, Entry]] = field(default_factory=dict)
    profiles: tuple[str, ...] = ()
    log: Log = field(default_factory=Log)
    shown: dict[str, str] = field(default_factory=dict)  # the places, by the names they are shown by

    def first(self, place: str) -> Entry | None:
        """The first that is said of a place."""
        return next((said[0].entry for said in self.said.get(place, {}).values()), None)

    def entries(self, annotation: str, *places: str) -> dict[str, Entry]:
        """The members as the first place has them that says something; of one place the higher rank, then the last."""
        found: dict[str, Entry] = {}
        for place in reversed(places):
            mine = self.said.get(place, {}).get(annotation, ())
            for each in sorted(mine, key=lambda said: said.rank):
                found[each.member] = each.entry
        return found


def is_about_fault_tolerance(file: ConfigFile) -> bool:
    """Whether some property is: cheap, without reading values."""
    for _, name, _ in _named(file):
        if name in SWITCHES or name.startswith(PREFIXES) or ("/" in name and _CLASSIC.match(name)):
            return True
    return False


def _named(file: ConfigFile) -> list[tuple[list[str], str, Entry]]:
    """Every property: the profiles that it is for, and its whole name; a key of YAML with dots in it is one step, in
    quotes or not. Made once.
    """
    known: list[tuple[list[str], str, Entry]] | None = file.memo.get("properties by name")
    if known is not None:
        return known
    found: list[tuple[list[str], str, Entry]] = []
    file.memo["properties by name"] = found

    def add(node: Mapping, above: str, of_file: str) -> None:
        for key, entry in node.entries.items():
            name = key if above else _OF_VARIABLE.get(key, key)
            whole = above + (f'"{name}"' if above and "." in name and '"' not in name else name)
            if isinstance(entry.value, Mapping):
                add(entry.value, f"{whole}.", of_file)
            elif of_file and whole[:1] not in '%"':
                found.append(([of_file], *_without_profile(whole)[1:], entry))
            else:
                found.append((*_without_profile(whole), entry))

    several = len({document.span.source.name for document in file.documents}) > 1
    for document in sorted(file.documents, key=_ordinal) if several else file.documents:
        add(document, "", _file_profile(document) if several else "")
    return found


def of_variables(document: Mapping) -> bool:
    """Whether it is a file of variables of the environment."""
    return not _OF_VARIABLE.keys().isdisjoint(document.entries)


def _ordinal(document: Mapping) -> int:
    """Which of several files goes before: of one kind the later one, variables of the environment before YAML before
    properties before MicroProfile's.
    """
    if of_variables(document):
        return 3
    name = PurePath(document.span.source.name).name
    return 0 if name.startswith("microprofile-config") else 2 if name.endswith((".yaml", ".yml")) else 1


def _file_profile(document: Mapping) -> str:
    """``dev`` of a document out of ``application-dev.properties``."""
    stem = PurePath(document.span.source.name).stem
    match = re.fullmatch(r"(?:application|microprofile-config)-([\w-]+)", stem)
    return match.group(1) if match else ""


def _without_profile(name: str) -> tuple[list[str], str]:
    """``%prod.a.b`` is ``a.b`` for one profile; ``%dev,test.a.b`` for two. One with braces is for none, see below."""
    match = _PROFILE.match(name) if "%" in name[:2] else None
    names = [each.strip() for each in match[1].split(",")] if match else []
    inner = name[match.end() :] if match else name
    return names, inner.strip('"') if inner[:1] == inner[-1:] == '"' and inner.count('"') == 2 else inner


def read_properties(file: ConfigFile, log: Log) -> Properties:
    """All of a file, each property once: taken, left out for its profile, or named as one that nobody knows."""
    named = _named(file)
    found = Properties(log=log, profiles=_profiles(file, named))
    values = {name: entry for profiles, name, entry in named if not profiles}
    for profile in found.profiles:
        values.update({name: entry for profiles, name, entry in named if profile in profiles})
    for profiles, name, entry in named:
        applies = 0
        if profiles:
            applies = max((found.profiles.index(each) + 1 for each in profiles if each in found.profiles), default=0)
        if profiles and not applies:
            if _about(name) is not None:
                usable = [each for each in profiles if each and each[0] != "{" and each[-1] != "}"]
                only = ", ".join(map(safe_name, usable or profiles))
                at = At(entry.key, safe_name(name), f"%{only}.{_shown(name)}:")
                if not usable:  # its documents write `%{profile-name}`, and its code knows no braces: at 3f13795e
                    message = "a profile has no braces around its name: SmallRye Config never reads this"
                    log.add(UNKNOWN_KEY, "warning", message, at, "write `%dev.` or `%dev,test.` before the name")
                    continue
                log.add(NOT_MODELLED, "info", f"this is for one profile only ({only}): `--profile NAME` reads it", at)
            continue
        _take(found, name, _filled(entry, values, log), 10 * applies)
    found.shown = distinct(place for place in found.said if place != GLOBAL)
    return found


def _profiles(file: ConfigFile, named: list[tuple[list[str], str, Entry]]) -> tuple[str, ...]:
    """Those asked for, those that the file makes active, or Quarkus' own: `prod`."""
    if file.profiles:
        return tuple(each.strip() for text in file.profiles for each in text.split(",") if each.strip())
    for profiles, name, entry in named:
        active = name in ("quarkus.profile", "mp.config.profile", "smallrye.config.profile")
        if not profiles and active and isinstance(entry.value, Scalar):
            return tuple(each.strip() for each in str(entry.value.value).split(","))
    quarkus = any(name.startswith("quarkus.") for _, name, _ in named)
    for document in file.documents if not quarkus else ():  # Quarkus' own file: others have microprofile-config
        stem = PurePath(document.span.source.name).stem
        quarkus = quarkus or (stem == "application" and any(name.startswith("%") for name in document.entries))
    return ("prod",) if quarkus else ()


def _filled(entry: Entry, values: dict[str, Entry], log: Log) -> Entry:
    """With what its placeholders stand for."""
    node = entry.value
    if not isinstance(node, Scalar) or not isinstance(node.value, str) or "${" not in node.value:
        return entry

    def known(name: str) -> str | None:
        found = values.get(name)
        return None if found is None or not isinstance(found.value, Scalar) else str(found.value.value)

    taken: list[str] = []
    text = filled_in(node.value, known, taken.append)
    if text is None:
        return entry
    if taken:
        log.assumed.append("placeholders have their defaults")
    return Entry(entry.key, Scalar(node.span, meant(text)))


def _take(found: Properties, name: str, entry: Entry, rank: int) -> None:
    about = _about(name)
    if about is not None:
        place, annotation, member, form = about
        said = found.said.setdefault(place, {}).setdefault(annotation, [])
        said.append(Said(member, entry, rank + form))
        return
    log, at = found.log, At(entry.key, safe_name(name), f"{_shown(name)}:")
    switch = SWITCHES.get(name)
    prefix = next((each for each in PREFIXES if name.startswith(each)), "")
    rest = name[len(prefix) :]
    client, quarkus = _CLIENT.match(name), _QUARKUS_CLIENT.match(name)
    if switch == "enabled" or (prefix and rest == "enabled"):
        if prefix or found.enabled is None:  # SmallRye's own name goes before
            found.enabled = entry
    elif switch == "" or (prefix and rest in OTHER_SWITCHES):
        log.skipped(at, _OTHER)
    elif client:
        found.clients.setdefault(client["place"], {})[client["member"]] = entry
    elif quarkus:
        member = {"connect-timeout": "connectTimeout", "read-timeout": "readTimeout"}[quarkus["member"]]
        found.clients.setdefault(quarkus["quoted"] or quarkus["plain"], {})[member] = entry
    elif prefix:
        log.add(UNKNOWN_KEY, "warning", f"`{_shown(name)}` is no property of this extension; it was left out", at)
    elif _INVENTED.match(name):
        log.add(
            UNKNOWN_KEY, "warning", f"nothing reads `{_shown(name)}`: MicroProfile has no such names", at,
            "write `Retry/maxRetries`, `Timeout/value` and so on, without a prefix, for all annotations of that kind",
        )  # fmt: skip
    elif like := _LIKE_CLASSIC.match(name):
        members = {member for known in MEMBERS.values() for member in known} | {"enabled"}
        if like["member"] in members:
            from resilience_sim.settings.suggest import did_you_mean, one_of

            log.add(
                UNKNOWN_KEY, "warning",
                f"`{safe_name(like['annotation'])}` is no annotation of fault tolerance; the property was left out",
                at, did_you_mean(like["annotation"], MEMBERS) or one_of(MEMBERS),
            )  # fmt: skip


def _about(name: str) -> tuple[str, str, str, int] | None:
    """Place, annotation and member that a property is about, and the rank of its form; None for any other."""
    match = _CLASSIC.match(name) if "/" in name else None
    if match:
        return match["place"] or GLOBAL, match["annotation"], match["member"], 0
    prefix = next((each for each in PREFIXES if name.startswith(each)), "")
    if not prefix:
        return None
    steps = [quoted or plain for quoted, plain in _STEP.findall(name[len(prefix) :])]
    if len(steps) < 3 or steps[-2] not in _OF_KEBAB:
        return None
    place = ".".join(steps[:-2])
    annotation = _OF_KEBAB[steps[-2]]
    own = {kebab(_NEW_NAMES.get(member, member)): member for member in (*MEMBERS[annotation], "enabled")}
    member = own.get(steps[-1], steps[-1])
    return GLOBAL if place == "global" else place, annotation, member, 2 if prefix == PREFIXES[0] else 1


def _shown(name: str) -> str:
    """A property's name where it is harmless: all of its steps look like names."""
    if '"' in name:
        return "…" + name[name.rfind('"') + 1 :]
    return "/".join(safe_name(step) for step in name.split("/"))
