"""Who talks to whom in a Kubernetes mesh: routes, destinations by their full names, and the rules about them.

Istio's VirtualService and DestinationRule and the Gateway API's routes and policies are about the same services, and a
mesh may use both: one index for all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from resilience_sim.interop.documents import ConfigFile
from resilience_sim.interop.findings import NOT_MODELLED, REFUSED, At, Log, distinct, safe_name
from resilience_sim.interop.layers import Converted
from resilience_sim.interop.mesh import chosen
from resilience_sim.interop.own import Own, the_same
from resilience_sim.interop.section import Section
from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.scenario.text.tree import Entry, Mapping, Node, Scalar, Sequence

ISTIO = ("VirtualService", "DestinationRule")
ROUTES = ("HTTPRoute", "GRPCRoute")
POLICIES = ("XBackendTrafficPolicy", "BackendTrafficPolicy", "BackendLBPolicy")
_GROUPS = {
    "networking.istio.io/": ISTIO,
    "gateway.networking.k8s.io/": (*ROUTES, *POLICIES),
    "gateway.networking.x-k8s.io/": POLICIES,
    "gateway.envoyproxy.io/": ("BackendTrafficPolicy",),
}
_CLUSTER = ".svc.cluster.local"


@dataclass(frozen=True, slots=True)
class Route:
    """One route to one destination: the rule it stands in, its place there, and the entry of the destination.

    ``parent``: the entry of another VirtualService that delegates to this rule. ``weight`` None: not written.
    """

    kind: str
    document: Mapping
    place: int
    entry: Mapping
    destination: Mapping | None
    host: str
    subset: str = ""
    port: int = 0
    weight: int | None = None
    parent: Mapping | None = None

    @property
    def rule(self) -> str:
        """The name of the resource."""
        return name_of(self.document)

    @property
    def path(self) -> str:
        """The path of its entry."""
        return f"spec.{'http' if self.kind == 'VirtualService' else 'rules'}.{self.place}"

    def names(self) -> list[str]:
        """What ``--route`` may call it."""
        found = [self.rule, self.subset, text(self.entry, "name")]
        for match in items(self.entry, "match"):  # Istio
            found += [text(below(match, "uri"), kind) for kind in ("exact", "prefix", "regex")]
        for match in items(self.entry, "matches"):  # Gateway API
            method = below(match, "method")
            found += [text(below(match, "path"), "value"), text(method, "service"), text(method, "method")]
        return [each for each in found if each]


@dataclass(slots=True)
class Host:
    """One destination by its full name: the routes to it, and the rules that may be about it."""

    routes: list[Route] = field(default_factory=list)
    rules: list[Mapping] = field(default_factory=list)  # DestinationRules
    policies: list[Mapping] = field(default_factory=list)  # that target the service itself


@dataclass(slots=True)
class Mesh:
    """Everything of one file, or of several that are read together. ``plane``: who runs it, where that shows."""

    hosts: dict[str, Host] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)  # names as they may be shown, each with the real one
    attached: dict[tuple[str, str, str], list[Mapping]] = field(
        default_factory=dict
    )  # policies by (kind, namespace, name)
    plane: str = ""  # istio | envoy-gateway | ""
    patches: list[Diagnostic] = field(default_factory=list)  # what is said of resources that are not read


# --- trees ---


def below(node: Node | None, name: str) -> Node | None:
    """The value of a key."""
    entry = node.entries.get(name) if isinstance(node, Mapping) else None
    return entry.value if entry else None


def text(node: Node | None, name: str) -> str:
    """A key's value as text; "" when it has none."""
    value = below(node, name)
    return "" if not isinstance(value, Scalar) or value.value is None else str(value.value)


def items(node: Node | None, name: str) -> list[Mapping]:
    """The mappings of a list."""
    found = below(node, name)
    return [each for each in found.items if isinstance(each, Mapping)] if isinstance(found, Sequence) else []


def whole(node: Node | None, name: str) -> int | None:
    """A key's value as a whole number."""
    found = text(node, name)
    return int(found) if found.isdigit() and len(found) < 10 else None


def kind_of(document: Mapping) -> str:
    """The kind of a resource, if it is one of those that are read here."""
    return _kind_read(text(document, "apiVersion"), text(document, "kind"))


@lru_cache(maxsize=1024)
def _kind_read(version: str, kind: str) -> str:
    return next((kind for group, kinds in _GROUPS.items() if kind in kinds and version.startswith(group)), "")


def name_of(document: Mapping) -> str:
    """metadata.name"""
    return text(below(document, "metadata"), "name")


def namespace_of(document: Mapping) -> str:
    """metadata.namespace"""
    return text(below(document, "metadata"), "namespace")


def full_name(host: str, namespace: str) -> str:
    """The full name: a name without dots is one of the namespace of the rule that says it."""
    if host.endswith(".svc"):
        return host + ".cluster.local"
    return f"{host}.{namespace}{_CLUSTER}" if namespace and "." not in host and "*" not in host else host


def namespace_in(full: str) -> str:
    """The namespace of a service's full name; "" of any other."""
    return full.removesuffix(_CLUSTER).rpartition(".")[2] if full.endswith(_CLUSTER) else ""


# --- the index ---


def mesh(file: ConfigFile) -> Mesh:
    """What the resources of a file say together. Made once."""
    known: Mesh | None = file.memo.get("mesh")
    if known is None:
        known = file.memo["mesh"] = _index(file)
    return known


def _index(file: ConfigFile) -> Mesh:
    made = Mesh()
    rules: dict[str, list[Mapping]] = {}
    named: dict[tuple[str, str], Mapping] = {}
    documents = [(kind, document) for document in file.documents if (kind := kind_of(document))]
    for kind, document in documents:
        if kind == "VirtualService":
            named[namespace_of(document), name_of(document)] = document
    delegated: dict[int, Mapping] = {}
    for kind, document in documents:
        spec, namespace = below(document, "spec"), namespace_of(document)
        if kind == "VirtualService":
            for entry in items(spec, "http"):
                to = below(entry, "delegate")
                target = named.get((text(to, "namespace") or namespace, text(to, "name"))) if to else None
                if target is not None:
                    delegated[id(target)] = entry
    for kind, document in documents:
        spec, namespace = below(document, "spec"), namespace_of(document)
        if kind == "VirtualService":
            for route in _virtual_routes(document, spec, delegated.get(id(document))):
                made.hosts.setdefault(full_name(route.host, namespace), Host()).routes.append(route)
        elif kind == "DestinationRule" and text(spec, "host"):
            rules.setdefault(full_name(text(spec, "host"), namespace), []).append(document)
        elif kind in ROUTES:
            for name, route in _gateway_routes(kind, document, spec):
                made.hosts.setdefault(name, Host()).routes.append(route)
        elif kind in POLICIES:
            for target in _targets(spec):
                made.attached.setdefault((text(target, "kind"), namespace, text(target, "name")), []).append(document)
            for fitting in _selected(spec, namespace, file):
                made.attached.setdefault(fitting, []).append(document)
    for name, found in rules.items():
        made.hosts.setdefault(name, Host()).rules += found
    _wildcards(made.hosts, rules)
    _join_short(made.hosts)
    _attach(made)
    made.shown = distinct(made.hosts)
    made.patches = list(_patches(file))
    made.plane = _plane(file)
    return made


def _selected(spec: Node | None, namespace: str, file: ConfigFile) -> Iterator[tuple[str, str, str]]:
    """What a policy's ``targetSelectors`` choose by labels, among the resources of its namespace that are here."""
    for selector in items(spec, "targetSelectors"):
        wanted = below(selector, "matchLabels")
        labels = wanted.entries if isinstance(wanted, Mapping) else {}
        for each in file.documents if labels and below(selector, "matchExpressions") is None else ():
            own = below(below(each, "metadata"), "labels")
            same = all(text(own, name) == text(wanted, name) for name in labels)
            if same and text(each, "kind") == text(selector, "kind") and namespace_of(each) == namespace:
                yield text(each, "kind"), namespace, name_of(each)


def _no_texts(document: Mapping) -> Iterator[At]:
    """Names that YAML makes a number or a flag of, where Kubernetes wants a text."""
    metadata = below(document, "metadata")
    for name in ("name", "namespace"):
        entry = metadata.entries.get(name) if isinstance(metadata, Mapping) else None
        if entry and isinstance(entry.value, Scalar) and isinstance(entry.value.value, bool | int | float):
            yield At(entry.key, f"metadata.{name}", f"{name}:")


def _says_no_host(kind: str, spec: Node | None) -> bool:
    """Whether a rule is for no host; a VirtualService that others delegate to has only those of its routes."""
    if kind == "DestinationRule":
        return not text(spec, "host")
    if kind != "VirtualService" or below(spec, "hosts") is not None:
        return False
    return not any(below(each, "route") or below(each, "delegate") for each in items(spec, "http"))


def _patches(file: ConfigFile) -> Iterator[Diagnostic]:
    """Resources that are not read here, and change what the others come to; and names that are none."""
    log = Log(traps={})
    for document in file.documents:
        kind, spec = kind_of(document), below(document, "spec")
        for at in _no_texts(document) if kind else ():
            log.refused(
                "a name that YAML makes a number, true or false of: the API server refuses the resource", at,
                "write it in quotes",
            )  # fmt: skip
        if _says_no_host(kind, spec):
            log.add(
                REFUSED, "warning",
                f"a {kind} without a host: Istio refuses it, and it was not read",
                At(document.entries["kind"].key, "kind", f"kind: {kind}"),
                "if it is a patch, read what comes of it: `kustomize build`",
            )  # fmt: skip
        entry = spec.entries.get("targetSelectors") if kind in POLICIES and isinstance(spec, Mapping) else None
        if entry is not None and not any(_selected(spec, namespace_of(document), file)):
            at = At(entry.key, "spec.targetSelectors", "targetSelectors:")
            log.skipped(at, "no labels in these files fit, or it chooses by expressions: the policy was not applied")
        if kind:
            continue
        kind = text(document, "kind")
        meshes = below(spec, "meshConfig") if kind == "IstioOperator" else None
        entry = meshes.entries.get("defaultHttpRetryPolicy") if isinstance(meshes, Mapping) else None
        if entry is not None:
            at = At(entry.key, "spec.meshConfig.defaultHttpRetryPolicy", "defaultHttpRetryPolicy:")
            log.skipped(at, "routes without `retries` have Istio's own default here, and this in the mesh")
        if kind == "EnvoyFilter" and text(document, "apiVersion").startswith("networking.istio.io"):
            log.add(
                NOT_MODELLED, "info",
                "an EnvoyFilter is not read: its patches may change timeouts, retries and limits of the proxies",
                At(document.entries["kind"].key, "kind", "kind: EnvoyFilter"),
                "`istioctl proxy-config all POD -o json` shows what comes of it: import that",
            )  # fmt: skip
    yield from log.found


def _virtual_routes(document: Mapping, spec: Node | None, parent: Mapping | None) -> Iterator[Route]:
    kind = "VirtualService"
    for place, entry in enumerate(items(spec, "http")):
        for each in items(entry, "route"):
            to = below(each, "destination")
            if text(to, "host"):
                port = whole(below(to, "port"), "number") or 0
                yield Route(
                    kind, document, place, entry, each, text(to, "host"), text(to, "subset"), port,
                    whole(each, "weight"), parent,
                )  # fmt: skip
        if not any(name in entry.entries for name in ("route", "redirect", "directResponse", "delegate")):
            hosts = below(spec, "hosts")
            for host in hosts.items if isinstance(hosts, Sequence) else ():
                if isinstance(host, Scalar) and host.value:
                    yield Route(kind, document, place, entry, None, str(host.value), parent=parent)


def _gateway_routes(kind: str, document: Mapping, spec: Node | None) -> Iterator[tuple[str, Route]]:
    for place, entry in enumerate(items(spec, "rules")):
        for each in items(entry, "backendRefs"):
            if text(each, "name"):
                route = Route(
                    kind, document, place, entry, each, text(each, "name"), "", whole(each, "port") or 0,
                    whole(each, "weight"),
                )  # fmt: skip
                yield _backend(each, namespace_of(document)), route


def _backend(ref: Mapping, namespace: str) -> str:
    """The full name of what a backendRef points at: a Service unless it says otherwise."""
    name, kind = text(ref, "name"), text(ref, "kind") or "Service"
    where = text(ref, "namespace") or namespace
    if kind == "Service":
        return full_name(name, where)
    if kind == "Hostname":  # Istio: a ServiceEntry's host
        return name
    return f"{kind}/{name}.{where}" if where else f"{kind}/{name}"


def _targets(spec: Node | None) -> list[Mapping]:
    one = below(spec, "targetRef")
    return [*items(spec, "targetRefs"), *([one] if isinstance(one, Mapping) else [])]


def _wildcards(hosts: dict[str, Host], rules: dict[str, list[Mapping]]) -> None:
    """A rule for exactly this host, else the closest with a wildcard."""
    wildcards = sorted((name for name in rules if name.startswith("*")), key=len, reverse=True)
    for name, host in hosts.items() if wildcards else ():
        if not host.rules:
            wild = next((each for each in wildcards if name.endswith(each[1:]) and each != name), None)
            host.rules += rules[wild] if wild else []


def _join_short(hosts: dict[str, Host]) -> None:
    """A name without a namespace is that of the only service of this name."""
    longer: dict[str, list[str]] = {}
    for name in hosts:
        if name.endswith(_CLUSTER):
            longer.setdefault(name.partition(".")[0], []).append(name)
    for short in [name for name in hosts if "." not in name]:
        full = longer.get(short, [])
        if len(full) == 1:
            host = hosts.pop(short)
            hosts[full[0]].routes += host.routes
            hosts[full[0]].rules += host.rules


def _attach(made: Mesh) -> None:
    """Policies of services to these; a policy whose target stands nowhere gets a host of its own."""
    routes = [route for host in made.hosts.values() for route in host.routes]
    here = {(route.kind, namespace_of(route.document), route.rule) for route in routes}
    here.update(gateway for route in routes for gateway in parents(route))
    for target, documents in made.attached.items():
        kind, namespace, name = target
        if kind in ("Service", ""):
            made.hosts.setdefault(full_name(name, namespace), Host()).policies += documents
        elif target not in here:
            made.hosts.setdefault(f"{kind}/{name}", Host()).policies += documents


def parents(route: Route) -> Iterator[tuple[str, str, str]]:
    """The gateways that a route of the Gateway API hangs on."""
    if route.kind in ROUTES:
        for ref in items(below(route.document, "spec"), "parentRefs"):
            where = text(ref, "namespace") or namespace_of(route.document)
            yield text(ref, "kind") or "Gateway", where, text(ref, "name")


_CONTROLLERS = {
    "gateway.envoyproxy.io": "envoy-gateway", "istio.io": "istio", "networking.istio.io": "istio",
    "security.istio.io": "istio", "telemetry.istio.io": "istio",
}  # fmt: skip
_CLASSES = {"istio": "istio", "istio-waypoint": "istio", "eg": "envoy-gateway", "envoy-gateway": "envoy-gateway"}


def _plane(file: ConfigFile) -> str:
    """Whose data plane it is, by the groups of the resources, the controller, or the usual name of a class."""
    found: set[str] = set()
    for document in file.documents:
        spec = below(document, "spec")
        for said in (text(document, "apiVersion"), text(spec, "controllerName")):
            found.add(_CONTROLLERS.get(said.partition("/")[0], ""))
        if text(document, "kind") == "Gateway":
            found.add(_CLASSES.get(text(spec, "gatewayClassName"), ""))
    found.discard("")
    return found.pop() if len(found) == 1 else ""


# --- what is asked for ---


def instances(file: ConfigFile) -> list[str]:
    """The destinations, by their full names."""
    return list(mesh(file).shown)


def own(file: ConfigFile, instance: str) -> Own | None:
    """All that is said of one host alone (lint/twins.py), and its names."""
    known = mesh(file)
    host = known.hosts[known.shown[instance]]
    names = [instance]
    parts: list[Entry | Node] = list(host.rules)
    policies = [*host.policies]
    for route in host.routes:
        if route.parent is not None:
            return None
        for target in (route.kind, namespace_of(route.document), route.rule), *parents(route):
            policies += known.attached.get(target, ())
        beside = below(below(route.document, "spec"), "http" if route.kind == "VirtualService" else "rules")
        to = below(route.entry, "route") or below(route.entry, "backendRefs")
        alone = _few(beside, 1) and (to is None or _few(to, 3))
        parts += [route.document] if alone else [route.entry, the_same(route.document)]
        names += [route.host, route.rule, route.path]
    if any(
        len(_targets(below(each, "spec"))) > 1 or below(below(each, "spec"), "targetSelectors") for each in policies
    ):
        return None  # what it has to do with one of its targets is not said by the policy alone
    names += [name_of(each) for each in (*host.rules, *policies)]
    return Own(tuple(names), [*parts, *policies], inside=True)


def _few(node: Node | None, most: int) -> bool:
    return isinstance(node, Sequence) and len(node.items) <= most


def routes(file: ConfigFile) -> Iterator[tuple[str, str]]:
    """What ``--route`` may say."""
    for host in mesh(file).hosts.values():
        for index, route in enumerate(host.routes, 1):
            about = f"route {route.place + 1} of {safe_name(route.rule)}"
            yield str(index), about
            yield from ((safe_name(name), about) for name in route.names())


def choose(found: list[Route], wanted: str, log: Log, result: Converted) -> Route:
    """The route that was asked for, else the first; of its destinations the heaviest. The others are named."""
    if wanted:
        route = found[chosen([each.names() for each in found], wanted)]
    else:
        same = [each for each in found if each.entry is found[0].entry]
        route = max(same, key=lambda each: 1 if each.weight is None else each.weight)
    if len(found) > 1:
        part = "" if route.weight is None else f", which gets {route.weight} of its rule's {_sum(route)} parts"
        result.remarks.append(
            f"{len(found)} routes lead to this host; this is number {found.index(route) + 1}{part} "
            "(--route names another)"
        )
    told = {id(route.entry)}
    for each in found:
        if id(each.entry) not in told:
            told.add(id(each.entry))
            log.skipped(
                Section(each.entry, each.path, log).at(),
                "another route to the same host is simulated; `resim import --route` names this one",
            )
    return route


def _sum(route: Route) -> int:
    entries = items(route.entry, "route") or items(route.entry, "backendRefs")
    weights = [whole(each, "weight") for each in entries]
    return sum(weight if weight is not None else 1 for weight in weights)
