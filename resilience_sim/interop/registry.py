"""Which formats of configuration files there are. Cheap: help texts are made from it."""

from __future__ import annotations

from typing import NamedTuple


class Format(NamedTuple):
    """What people call a format, and the usual name of its file; ``written``: a stack can be written in it.

    ``notations`` are those that its files can have; ``deep``: what it is known by may stand anywhere in the tree;
    ``yaml``: whose rules say what a plain scalar of its YAML is (yaml_scalars.py), "" for those of YAML 1.2.
    """

    title: str
    file_name: str
    notations: tuple[str, ...]
    written: bool = True
    deep: bool = False
    yaml: str = ""


TREES = ("yaml", "json")
APPLICATION = (*TREES, "properties")

FORMATS: dict[str, Format] = {
    "resilience4j": Format(
        "Spring Boot application.yml or .properties with resilience4j", "application.yml", APPLICATION, yaml="SnakeYAML"
    ),
    "microprofile": Format(
        "MicroProfile Fault Tolerance properties (SmallRye, Quarkus)",
        "microprofile-config.properties",
        APPLICATION,
        deep=True,
        yaml="SmallRye Config",
    ),
    "micronaut": Format("Micronaut application.yml with HTTP clients", "micronaut.yml", APPLICATION, yaml="SnakeYAML"),
    "dotnet": Format(
        ".NET appsettings.json with Microsoft.Extensions.Http.Resilience", "appsettings.json", ("json",), deep=True
    ),
    "istio": Format("Istio VirtualService and DestinationRule", "istio.yaml", TREES, yaml="Go's yaml.v2"),
    "gateway_api": Format(
        "Kubernetes Gateway API HTTPRoute, with its policies or Envoy Gateway's",
        "route.yaml",
        TREES,
        yaml="Go's yaml.v2",
    ),
    "envoy": Format("Envoy cluster and route", "envoy.yaml", TREES, deep=True, yaml="yaml-cpp"),
    "grpc": Format("gRPC service config", "service_config.json", TREES),
    "dapr": Format("Dapr Resiliency", "resiliency.yaml", TREES, yaml="Go's yaml.v2"),
    "aws": Format("AWS SDK shared config", "config", ("ini", "properties")),  # and variables in a file of them
    "python": Format(
        "Python source with tenacity, backoff, urllib3, httpx, an SDK ...", "client.py", ("python",), False
    ),
}
WRITTEN = tuple(name for name, known in FORMATS.items() if known.written)


def titles() -> str:
    """What can be imported, as one line of text."""
    return "; ".join(each.title for each in FORMATS.values())
