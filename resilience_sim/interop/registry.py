"""Which formats of configuration files there are. Cheap: help texts are made from it."""

from __future__ import annotations

from typing import NamedTuple


class Format(NamedTuple):
    """What people call a format, and the usual name of its file; ``written``: a stack can be written in it.

    ``notations`` are those that its files can have; ``deep``: what it is known by may stand anywhere in the tree;
    ``yaml``: whose rules say what a plain scalar of its YAML is (yaml_scalars.py), "" for those of YAML 1.2.
    ``values``: whose rules say which of these a number may be (section.py), "" for anything that looks like one.
    ``twice``: what comes of a key that a mapping has twice; ``refused``: it keeps the application from starting.
    ``joined``: what comes of a section that stands twice, where that is something else. ``strict``: what is wrong with
    comments in its JSON, where its programs do not read them.
    """

    title: str
    file_name: str
    notations: tuple[str, ...]
    written: bool = True
    deep: bool = False
    yaml: str = ""
    values: str = ""
    twice: str = "the last one counts"
    refused: bool = False
    joined: str = ""
    strict: str = ""


TREES = ("yaml", "json")
APPLICATION = (*TREES, "properties")

FORMATS: dict[str, Format] = {
    "resilience4j": Format(
        "Spring Boot application.yml or .properties with resilience4j",
        "application.yml",
        APPLICATION,
        yaml="SnakeYAML",
        values="Spring",
        twice="the application does not start: Spring has the file refused",
        refused=True,
    ),
    "microprofile": Format(
        "MicroProfile Fault Tolerance properties (SmallRye, Quarkus)",
        "microprofile-config.properties",
        APPLICATION,
        deep=True,
        yaml="SmallRye Config",
        values="SmallRye",
    ),
    "micronaut": Format("Micronaut application.yml with HTTP clients", "micronaut.yml", APPLICATION, yaml="SnakeYAML"),
    "dotnet": Format(
        ".NET appsettings.json with Microsoft.Extensions.Http.Resilience",
        "appsettings.json",
        (*TREES, "properties"),
        deep=True,
        values=".NET",
        twice="the application does not start: the file is refused",
        refused=True,
        joined=".NET joins both, and the last one alone was read",
    ),
    "istio": Format(
        "Istio VirtualService and DestinationRule", "istio.yaml", TREES, yaml="Go's yaml.v2", values="Kubernetes"
    ),
    "gateway_api": Format(
        "Kubernetes Gateway API HTTPRoute, with its policies or Envoy Gateway's",
        "route.yaml",
        TREES,
        yaml="Go's yaml.v2",
        values="Kubernetes",
    ),
    "envoy": Format("Envoy cluster and route", "envoy.yaml", TREES, deep=True, yaml="yaml-cpp", values="protobuf"),
    "grpc": Format(
        "gRPC service config",
        "service_config.json",
        TREES,
        twice="grpc-go takes the last one, in C++ and Java the service config is refused",
        strict="comments, and commas that nothing follows, are no JSON: the service config is refused",
    ),
    "dapr": Format("Dapr Resiliency", "resiliency.yaml", TREES, yaml="Go's yaml.v2", values="Dapr"),
    # and the variables that a file of them sets, a compose file, a container
    "aws": Format("AWS SDK shared config", "config", ("ini", "properties", *TREES), deep=True),
    "python": Format(
        "Python source with tenacity, backoff, urllib3, httpx, an SDK ...", "client.py", ("python",), False
    ),
}
WRITTEN = tuple(name for name, known in FORMATS.items() if known.written)


def titles() -> str:
    """What can be imported, as one line of text."""
    return "; ".join(each.title for each in FORMATS.values())
