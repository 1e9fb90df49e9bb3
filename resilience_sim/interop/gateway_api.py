"""Kubernetes Gateway API: HTTPRoute and GRPCRoute with their policies, one instance per backend.

A file with resources of Istio's as well is read as Istio's, routes of the Gateway API included.
"""

from __future__ import annotations

from resilience_sim.interop import gateway_routes
from resilience_sim.interop.documents import ConfigFile
from resilience_sim.interop.istio import convert
from resilience_sim.interop.mesh_hosts import POLICIES, ROUTES, instances, kind_of, own, routes
from resilience_sim.interop.write_gateway import write

__all__ = ["TRAPS", "convert", "instances", "own", "recognises", "routes", "write"]

TRAPS = gateway_routes.TRAPS


def recognises(file: ConfigFile) -> bool:
    """Whether a document is a route or a policy of the Gateway API."""
    return any(kind_of(document) in (*ROUTES, *POLICIES) for document in file.documents)
