"""Endpoints → ClusterLoadAssignments. Those that drain are there only when nothing else is, so they are used like any other."""

from envoy_xds.api import encode, message, type_url
from envoy_xds.resource import Resource, simple
from operators.ir.routes import Endpoints

LOAD_ASSIGNMENT = "envoy.config.endpoint.v3.ClusterLoadAssignment"
TYPE_URL = type_url(LOAD_ASSIGNMENT)


def load_assignment(one: Endpoints) -> Resource:
    members = [
        {"endpoint": {"address": {"socket_address": {"address": endpoint.address, "port_value": endpoint.port}}}}
        for endpoint in one.endpoints
    ]
    made = message(LOAD_ASSIGNMENT)(cluster_name=one.name, endpoints=[{"lb_endpoints": members}] if members else [])
    return simple(TYPE_URL, one.name, encode(made))
