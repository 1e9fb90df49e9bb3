"""Several hosts of a mesh as one scenario with several services: each link has the rules that there are for its callee.

Who calls whom stands in no configuration; it is asked for (``--calls shop=stock,prices``). The service that nobody
calls is the entry: its rules become the stack of Service A, which stands for the gateway.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from resilience_sim.interop import formats
from resilience_sim.interop.documents import ConfigFile
from resilience_sim.interop.emit import FAULT, LATENCY, as_comment, plain_text, stack_lines
from resilience_sim.interop.formats import ConfigImportError, Imported
from resilience_sim.interop.registry import FORMATS
from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.settings.registry import FILE
from resilience_sim.settings.suggest import did_you_mean, one_of

MESHES = ("istio", "gateway_api", "envoy")
OWN_WORK = "5ms"  # of a service that calls others
RATE, DURATION = "50/s", "90s"


@dataclass(frozen=True, slots=True)
class ImportedGraph:
    """What became of a file: the text of the scenario, what there was to say, and the hosts that are not in it."""

    path: str
    format: str
    text: str
    entry: str
    services: tuple[str, ...]
    left_out: tuple[str, ...]
    findings: tuple[Diagnostic, ...]
    assumed: tuple[str, ...]


def parse_calls(texts: Sequence[str]) -> dict[str, list[str]]:
    """``shop=stock,prices``, several of them, as callees by caller.

    Raises:
        ConfigImportError: one of them says something else.
    """
    found: dict[str, list[str]] = {}
    for text in texts:
        caller, equals, callees = text.partition("=")
        names = [each.strip() for each in callees.split(",")]
        if not equals or not caller.strip() or not all(names):
            raise ConfigImportError("--calls is CALLER=CALLEE,…", "write it like `--calls shop=stock,prices`")
        known = found.setdefault(caller.strip(), [])
        for name in names:
            if name in known:
                raise ConfigImportError(f"--calls names `{name}` twice for `{caller.strip()}`", "name it once")
            known.append(name)
    return found


def import_graph(file: ConfigFile, format_name: str, calls: Mapping[str, Sequence[str]]) -> ImportedGraph:
    """The hosts that are named, as services that call each other.

    Raises:
        ConfigImportError: there is no such host, or the calls are no graph with one beginning.
    """
    if format_name not in MESHES:
        raise ConfigImportError(
            f"--calls is for files of a mesh, and this is {FORMATS[format_name].title}",
            "name one instance with --instance NAME",
        )
    if file.route:
        raise ConfigImportError("--calls and --route exclude each other", "leave out --route: the first route counts")
    hosts = formats.instance_names(file, format_name)
    named = _Names(hosts)
    links = [(named.find(caller, calls), named.find(callee, ())) for caller in calls for callee in calls[caller]]
    entry = _entry(links)
    order = _in_order(entry, links)
    shown = _short({name: named.label(name) for name in order})
    told: set[int] = set()
    read: dict[str, Imported] = {
        name: formats.convert(file, format_name, name, told) for name in order if name in hosts
    }
    left_out = tuple(each for each in hosts if each not in order)
    assumed = tuple(dict.fromkeys(each for one in read.values() for each in one.assumed))
    text = "\n".join(_lines(file.path, format_name, entry, order, links, shown, read, left_out)) + "\n"
    findings = dict.fromkeys(each for one in read.values() for each in one.findings)
    return ImportedGraph(
        file.path, format_name, text, shown[entry], tuple(shown.values()), left_out, tuple(findings), assumed
    )


class _Names:
    """The hosts of the file, and what people call them."""

    def __init__(self, hosts: Sequence[str]) -> None:
        self.hosts = hosts

    def find(self, name: str, callers: Mapping[str, Sequence[str]] | Sequence[str]) -> str:
        """The host of that name, whole or without its namespace; a caller need not be one."""
        same = [each for each in self.hosts if each == name or self.label(each) == name]
        longer = same or [each for each in self.hosts if each.startswith(f"{name}.")]
        if len(longer) == 1:
            return longer[0]
        if longer:
            raise ConfigImportError(f"`{name}` could be any of {len(longer)} hosts", one_of(longer))
        known = [*dict.fromkeys(self.label(each) for each in self.hosts)]
        near = did_you_mean(name, known)
        if name in callers and not near:
            return name
        raise ConfigImportError(f"no host `{name}` in this file", near or one_of(known))

    @staticmethod
    def label(host: str) -> str:
        """``stock`` of ``stock.prod.svc.cluster.local``, and of Istio's clusters in Envoy."""
        return host.rpartition("|")[2].partition(".")[0] or host


def _short(labels: Mapping[str, str]) -> dict[str, str]:
    """Names as a scenario has them, each another one."""
    found: dict[str, str] = {}
    for host, label in labels.items():
        plain = re.sub(r"[^a-z0-9_-]+", "-", label.lower()).strip("-")[:50]
        plain = plain if re.match(r"[a-z]", plain) else f"host-{plain}".strip("-")
        plain = f"{plain}-service" if plain in FILE.by_name or plain == "client" else plain
        name, number = plain, 1
        while name in found.values():
            number += 1
            name = f"{plain}-{number}"
        found[host] = name
    return found


def _entry(links: Sequence[tuple[str, str]]) -> str:
    callees = {callee for _, callee in links}
    roots = list(dict.fromkeys(caller for caller, _ in links if caller not in callees))
    if len(roots) == 1:
        return roots[0]
    if not roots:
        raise ConfigImportError("the services call each other in a circle", "leave one of these calls away")
    names = ", ".join(_Names.label(each) for each in roots)
    raise ConfigImportError(
        f"nobody calls {names}: a scenario begins with one service",
        f"leave all but one away, or add what calls them: `--calls gateway={names.replace(' ', '')}`",
    )


def _in_order(entry: str, links: Sequence[tuple[str, str]]) -> list[str]:
    """The services, each before those it calls where it can be, from the entry on."""
    order: list[str] = []

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            circle = " > ".join(_Names.label(each) for each in (*above[above.index(name) :], name))
            raise ConfigImportError(f"services call each other in a circle: {circle}", "leave one of these calls away")
        if name not in order:
            order.append(name)
        for caller, callee in links:
            if caller == name:
                visit(callee, (*above, name))

    visit(entry, ())
    lost = [caller for caller, _ in links if caller not in order]
    if lost:
        label = _Names.label(lost[0])
        raise ConfigImportError(f"no call leads to `{label}`", f"add the service that calls it: `--calls NAME={label}`")
    return order


def _lines(
    path: str,
    format_name: str,
    entry: str,
    order: Sequence[str],
    links: Sequence[tuple[str, str]],
    shown: Mapping[str, str],
    read: Mapping[str, Imported],
    left_out: Sequence[str],
) -> list[str]:
    title = FORMATS[format_name].title
    lines = [f"# Made by resim import from {plain_text(path)}: {plain_text(title)}."]
    lines += as_comment(
        "Each link has what the file says about its callee, outermost first; who calls whom was said on the command "
        "line. Keys without a remark on the right are defaults. What the file cannot say (the services, the traffic, "
        "what goes wrong) is assumed below: put your own numbers there."
    )
    for name, one in read.items():
        for remark in one.stack.remarks:
            lines += as_comment(f"- {shown[name]}: {_said_of(shown[name], remark)}", "#   ")
        for remark in one.assumed:
            lines += as_comment(f"- {shown[name]}: assumed: {_said_of(shown[name], remark)}", "#   ")
    if left_out:
        lines += as_comment("- not in the graph: " + ", ".join(left_out), "#   ")
    lines += [
        "resim: 1",
        f'name: "{shown[entry]}"',
        f'about: "imported: {plain_text(title)}, {len(order)} services"',
        "",
    ]
    lines += ["services:  # latency: ASSUMED"]
    for name in order:
        lines += _service(name, links, shown, read)
    if entry in read and read[entry].stack.method != "GET":
        lines.append(f"operation: {{method: {read[entry].stack.method}}}")
    leaf = next(name for name in reversed(order) if all(caller != name for caller, _ in links))
    fault = f"{FAULT[:-1]}, service: {shown[leaf]}}}"
    lines += [
        f"traffic: {{rate: {RATE}, duration: {DURATION}}}  # ASSUMED",
        "faults:  # ASSUMED",
        f"  - outage: {fault}",
        "",
    ]
    return lines + (stack_lines(read[entry].stack.layers) if entry in read else ["stack: []"])


def _said_of(name: str, text: str) -> str:
    """What an import says of B, said of one of several services."""
    text = text.replace("client instance", "calling replica").replace("`service.", f"`services.{name}.")
    return re.sub(r"\bB\b", name, text)


def _service(
    name: str, links: Sequence[tuple[str, str]], shown: Mapping[str, str], read: Mapping[str, Imported]
) -> list[str]:
    callees = [callee for caller, callee in links if caller == name]
    lines = [f"  {shown[name]}:", f"    latency: {OWN_WORK if callees else LATENCY}"]
    if name in read and read[name].stack.replicas > 1:
        lines.append(f"    replicas: {read[name].stack.replicas}")
    if callees:
        lines.append("    calls:")
    for callee in callees:
        stack = read[callee].stack
        lines.append(f"      - to: {shown[callee]}")
        if stack.method != "GET":
            lines.append(f"        operation: {{method: {stack.method}}}")
        if stack.layers:
            for line in stack_lines(stack.layers):
                comment = line.lstrip().startswith("#")
                lines.append("        " + (_said_of(shown[callee], line) if comment else line))
    return lines
