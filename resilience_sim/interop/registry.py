"""Which formats of configuration files there are. Cheap: help texts are made from it."""

from __future__ import annotations

from typing import NamedTuple


class Format(NamedTuple):
    """What people call a format, and the usual name of its file; ``written``: a stack can be written in it.

    ``notations`` are those that its files can have; ``deep``: what it is known by may stand anywhere in the tree.
    """

    title: str
    file_name: str
    notations: tuple[str, ...]
    written: bool = True
    deep: bool = False


TREES = ("yaml", "json")
APPLICATION = (*TREES, "properties")

FORMATS: dict[str, Format] = {
    "resilience4j": Format(
        "Spring Boot application.yml or .properties with resilience4j", "application.yml", APPLICATION
    ),
    "microprofile": Format(
        "MicroProfile Fault Tolerance properties (SmallRye, Quarkus)",
        "microprofile-config.properties",
        APPLICATION,
        deep=True,
    ),
    "micronaut": Format("Micronaut application.yml with HTTP clients", "micronaut.yml", APPLICATION),
    "dotnet": Format(
        ".NET appsettings.json with Microsoft.Extensions.Http.Resilience", "appsettings.json", ("json",), deep=True
    ),
    "istio": Format("Istio VirtualService and DestinationRule", "istio.yaml", TREES),
    "gateway_api": Format(
        "Kubernetes Gateway API HTTPRoute, with its policies or Envoy Gateway's", "route.yaml", TREES
    ),
    "envoy": Format("Envoy cluster and route", "envoy.yaml", TREES, deep=True),
    "grpc": Format("gRPC service config", "service_config.json", TREES),
    "dapr": Format("Dapr Resiliency", "resiliency.yaml", TREES),
    "aws": Format("AWS SDK shared config", "config", ("ini",)),
    "python": Format(
        "Python source with tenacity, backoff, urllib3, httpx, an SDK ...", "client.py", ("python",), False
    ),
}
WRITTEN = tuple(name for name, known in FORMATS.items() if known.written)


def titles() -> str:
    """What can be imported, as one line of text."""
    return "; ".join(each.title for each in FORMATS.values())
