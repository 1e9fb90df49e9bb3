"""What an Envoy configuration has, wherever it stands in it: clusters, routes, and the filters in front of the routes.

Bootstrap files, resources of xDS on disk, dumps of the admin interface (``/config_dump``) and pieces of them, in the
names of the messages or in those of protobuf's JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

from resilience_sim.interop.documents import ConfigFile
from resilience_sim.interop.findings import At, distinct, safe_name
from resilience_sim.scenario.text.tree import Entry, Mapping, Node, Scalar, Sequence

MOST_DEPTH = 50
_OF_ALL_ROUTES = {  # settings of a RouteConfiguration, which act on every route of it
    "request_mirror_policies": "one route to one destination is simulated",
    "typed_per_filter_config": "filters are read where the route, its virtual host or the listener has them",
}
LOCAL_RATE_LIMIT = (
    "envoy.filters.http.local_ratelimit",
    "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
)


@cache
def camel(name: str) -> str:
    """The name of a field in protobuf's JSON."""
    head, *rest = name.split("_")
    return head + "".join(each.capitalize() for each in rest)


def _either(names: Iterable[str]) -> frozenset[str]:
    """Each in both of its spellings."""
    return frozenset(spelled for name in names for spelled in (name, camel(name)))


_CLUSTER_ALONE = _either(
    ("circuit_breakers", "outlier_detection", "lb_policy", "load_assignment", "eds_cluster_config")
)
_CLUSTER = _CLUSTER_ALONE | _either(("connect_timeout", "cluster_type", "load_balancing_policy"))
_MANAGER = _either(("http_filters", "rds"))
_ELSEWHERE = {  # settings of a listener, which act on every route
    spelled: why
    for name, why in (
        ("stream_idle_timeout", "streams that idle are not simulated"),
        ("request_timeout", "requests arrive whole"),
        ("request_headers_timeout", "requests arrive whole"),
    )
    for spelled in _either([name])
}


def get(node: Node | None, name: str) -> Node | None:
    """A field, by either of its names."""
    if not isinstance(node, Mapping):
        return None
    entry = node.entries.get(name) or node.entries.get(camel(name))
    return entry.value if entry else None


def text(node: Node | None, name: str) -> str:
    """A field as text; "" when it has none."""
    value = get(node, name)
    return str(value.value) if isinstance(value, Scalar) and value.value is not None else ""


def items(node: Node | None, name: str) -> list[Mapping]:
    """The mappings of a list."""
    found = get(node, name)
    return [each for each in found.items if isinstance(each, Mapping)] if isinstance(found, Sequence) else []


def walk(node: Node, depth: int = 0) -> Iterator[tuple[str, Entry]]:
    """Every key anywhere below."""
    if depth > MOST_DEPTH:
        return
    if isinstance(node, Mapping):
        for name, entry in node.entries.items():
            yield name, entry
            yield from walk(entry.value, depth + 1)
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from walk(item, depth + 1)


@dataclass(frozen=True, slots=True)
class Route:
    """A route to one cluster: its virtual host, its action, and the connection manager with the filters in front.

    ``part``: the entry of a weighted cluster. ``share``: its weight, and that of all. ``checked``: unless its
    RouteConfiguration says ``validate_clusters: false``.
    """

    host: Mapping
    entry: Mapping
    action: Mapping
    manager: Mapping | None = None
    part: Mapping | None = None
    share: tuple[int, int] = (1, 1)
    checked: bool = True

    def names(self) -> list[str]:
        """What ``--route`` may call it."""
        match = get(self.entry, "match")
        kinds = ("path", "prefix", "path_separated_prefix")
        found = [text(match, kind) for kind in kinds] + [text(get(match, "safe_regex"), "regex")]
        return [each for each in (text(self.entry, "name"), *found, text(self.host, "name")) if each]

    def filters(self, which: tuple[str, ...]) -> list[Mapping]:
        """The configurations of a filter, the closest first; the last one is that of the filter itself."""
        found = []
        for holder in (self.part, self.entry, self.host):
            own = get(holder, "typed_per_filter_config")
            for name, entry in own.entries.items() if isinstance(own, Mapping) else ():
                if isinstance(entry.value, Mapping) and (name in which or _is_type(entry.value, which)):
                    found.append(_unwrapped(entry.value))
        return found

    def filter(self, which: tuple[str, ...]) -> Mapping | None:
        """The filter in the chain of the listener."""
        for each in items(self.manager, "http_filters"):
            config = get(each, "typed_config")
            typed = isinstance(config, Mapping) and _is_type(config, which)
            if (text(each, "name") in which or typed) and text(each, "disabled").lower() != "true":
                return _unwrapped(config) if isinstance(config, Mapping) else each
        return None


def _is_type(config: Mapping, which: tuple[str, ...]) -> bool:
    said = (text(config, "@type"), text(config, "type_url"), text(get(config, "config"), "@type"))
    return any(each.rpartition("/")[2] in which for each in said)


def _unwrapped(config: Mapping) -> Mapping:
    """Inside a FilterConfig or a TypedStruct."""
    inner = get(config, "config") or get(config, "value")
    return inner if isinstance(inner, Mapping) else config


@dataclass(slots=True)
class Cluster:
    """A cluster by its name: its definition, if the file has it, and the routes to it."""

    node: Mapping | None = None
    routes: list[Route] = field(default_factory=list)


@dataclass(slots=True)
class Index:
    """Everything of one file. ``static``: whether every cluster must be in it. ``elsewhere``: what is said of all.

    ``twice``: clusters of the bootstrap whose name another one has.
    """

    clusters: dict[str, Cluster] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)
    static: bool = False
    elsewhere: list[tuple[At, str]] = field(default_factory=list)
    twice: list[Mapping] = field(default_factory=list)


@dataclass(slots=True)
class _Gathered:
    clusters: list[Mapping] = field(default_factory=list)
    hosts: list[tuple[Mapping, Mapping | None, Mapping]] = field(default_factory=list)  # and the RouteConfiguration
    managers: dict[str, Mapping] = field(default_factory=dict)  # by the name of the routes that they ask for
    elsewhere: list[tuple[At, str]] = field(default_factory=list)


def index(file: ConfigFile) -> Index:
    """What there is. Made once."""
    known: Index | None = file.memo.get("envoy")
    if known is None:
        known = file.memo["envoy"] = _made(file)
    return known


def _made(file: ConfigFile) -> Index:
    found = _Gathered()
    for document in file.documents:
        if _is_cluster(document) and not _CLUSTER_ALONE.isdisjoint(document.entries):
            found.clusters.append(document)
        _gather(document, None, found, 0)
    made = Index(elsewhere=found.elsewhere)
    for node in found.clusters:
        cluster = made.clusters.setdefault(text(node, "name"), Cluster())
        cluster.node = cluster.node or node
    made.twice = _twice(file)
    for host, manager, whole in found.hosts:
        inside = manager or found.managers.get(text(whole, "name"))
        checked = text(whole, "validate_clusters").lower() != "false"
        for entry in items(host, "routes"):
            action = get(entry, "route")
            if isinstance(action, Mapping):
                for cluster_name, route in _led(host, entry, action, inside, checked):
                    made.clusters.setdefault(cluster_name, Cluster()).routes.append(route)
    made.shown = distinct(made.clusters)
    tops = file.documents
    made.static = any(get(each, "static_resources") for each in tops) and not any(
        get(each, "dynamic_resources") for each in tops
    )
    return made


def _gather(node: Node, manager: Mapping | None, found: _Gathered, depth: int) -> None:
    if depth > MOST_DEPTH:
        return
    if isinstance(node, Sequence):
        for item in node.items:
            _gather(item, manager, found, depth + 1)
        return
    if not isinstance(node, Mapping):
        return
    if not _MANAGER.isdisjoint(node.entries):
        manager = node
        asked = text(get(node, "rds"), "route_config_name")
        if asked:
            found.managers.setdefault(asked, node)
    for name, entry in node.entries.items():
        value = entry.value
        if isinstance(value, Scalar):
            if name in _ELSEWHERE:
                found.elsewhere.append((At(entry.key, name, f"{name}:"), _ELSEWHERE[name]))
            continue
        if name in ("static_resources", "staticResources"):  # nothing else stands there, however little is said of one
            found.clusters += [each for each in items(value, "clusters") if text(each, "name")]
        elif name in ("clusters", "cluster", "resources"):
            for item in value.items if isinstance(value, Sequence) else (value,):
                if isinstance(item, Mapping) and _is_cluster(item):
                    found.clusters.append(item)
        elif name in ("virtual_hosts", "virtualHosts"):
            found.hosts += [(host, manager, node) for host in items(node, "virtual_hosts")]
            found.elsewhere += _of_all_routes(node)
        _gather(value, manager, found, depth + 1)


def _twice(file: ConfigFile) -> list[Mapping]:
    """Clusters of a bootstrap that a cluster of the same name stands before."""
    found: list[Mapping] = []
    for document in file.documents:
        seen: set[str] = set()
        for each in items(get(document, "static_resources"), "clusters"):
            name = text(each, "name")
            found += [each] if name in seen else []
            seen.add(name)
    return found


def _is_cluster(node: Mapping) -> bool:
    if _CLUSTER.isdisjoint(node.entries) and not text(node, "@type").endswith(".Cluster"):
        return False
    return bool(text(node, "name"))


def _of_all_routes(node: Mapping) -> Iterator[tuple[At, str]]:
    for name, why in _OF_ALL_ROUTES.items():
        entry = node.entries.get(name) or node.entries.get(camel(name))
        if entry is not None:
            yield At(entry.key, name, f"{name}:"), why


def _led(
    host: Mapping, entry: Mapping, action: Mapping, manager: Mapping | None, checked: bool
) -> Iterator[tuple[str, Route]]:
    if text(action, "cluster"):
        yield text(action, "cluster"), Route(host, entry, action, manager, checked=checked)
    parts = items(get(action, "weighted_clusters"), "clusters")
    weights = [_number(text(part, "weight")) for part in parts]
    for part, weight in zip(parts, weights, strict=True):
        if text(part, "name"):
            share = (weight, sum(weights))
            yield text(part, "name"), Route(host, entry, action, manager, part, share, checked)


def _number(said: str) -> int:
    return int(said) if said.isdigit() and len(said) < 12 else 0


def recognises(file: ConfigFile) -> bool:
    """Whether there is a cluster or a virtual host in the notation of Envoy."""
    return bool(index(file).clusters)


def instances(file: ConfigFile) -> list[str]:
    """The clusters."""
    return list(index(file).shown)


def routes(file: ConfigFile) -> Iterator[tuple[str, str]]:
    """What ``--route`` may say."""
    found = index(file)
    for shown, name in found.shown.items():
        for number, route in enumerate(found.clusters[name].routes, 1):
            yield str(number), f"to {shown}"
            yield from ((safe_name(each), f"to {shown}") for each in route.names())
