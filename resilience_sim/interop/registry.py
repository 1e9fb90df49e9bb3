"""Which formats of configuration files there are. Cheap: help texts are made from it."""

from __future__ import annotations

from typing import NamedTuple


class Format(NamedTuple):
    """What people call a format, and the usual name of its file; ``written``: a stack can be written in it."""

    title: str
    file_name: str
    written: bool = True


FORMATS: dict[str, Format] = {
    "resilience4j": Format("Spring Boot application.yml or .properties with resilience4j", "application.yml"),
    "microprofile": Format(
        "MicroProfile Fault Tolerance properties (SmallRye, Quarkus)", "microprofile-config.properties"
    ),
    "micronaut": Format("Micronaut application.yml with HTTP clients", "micronaut.yml"),
    "dotnet": Format(".NET appsettings.json with Microsoft.Extensions.Http.Resilience", "appsettings.json"),
    "istio": Format("Istio VirtualService and DestinationRule", "istio.yaml"),
    "gateway_api": Format("Kubernetes Gateway API HTTPRoute, with its policies or Envoy Gateway's", "route.yaml"),
    "envoy": Format("Envoy cluster and route", "envoy.yaml"),
    "grpc": Format("gRPC service config", "service_config.json"),
    "dapr": Format("Dapr Resiliency", "resiliency.yaml"),
    "aws": Format("AWS SDK shared config", "config"),
    "python": Format("Python source with tenacity, backoff, urllib3, httpx, an SDK ...", "client.py", written=False),
}
WRITTEN = tuple(name for name, known in FORMATS.items() if known.written)


def titles() -> str:
    """What can be imported, as one line of text."""
    return "; ".join(each.title for each in FORMATS.values())
