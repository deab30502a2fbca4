"""What our kinds say in `status`, in the form that `kubectl wait` and Argo CD understand."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from crds.base import ApiModel
from crds.schema import keyed


class Condition(ApiModel):
    """As metav1.Condition."""

    type: str = Field(description="What it is about, e.g. Accepted or Programmed.", max_length=316)
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.")
    reason: str = Field(
        default="", description="One word for programs; see the reference of conditions.", max_length=1024
    )
    message: str = Field(
        default="", description="A sentence for people; names the field or quotes Envoy.", max_length=32768
    )
    observed_generation: int = Field(default=0, description="The generation of the spec that this is about.", ge=0)
    last_transition_time: datetime | None = Field(default=None, description="When `status` last changed.")


class LoadBalancerPort(ApiModel):
    port: int = Field(description="A port that is served.", ge=1, le=65535)
    protocol: Literal["TCP", "UDP", "SCTP"] = Field(default="TCP", description="Its protocol.")


class LoadBalancerIngress(ApiModel):
    ip: str | None = Field(default=None, description="An address where the object is served.", max_length=64)
    hostname: str | None = Field(default=None, description="A name where the object is served.", max_length=253)
    ports: list[LoadBalancerPort] = Field(
        default_factory=list, description="The ports that are served there.", max_length=16
    )


class LoadBalancerStatus(ApiModel):
    ingress: list[LoadBalancerIngress] = Field(
        default_factory=list, description="Present while every proxy has acknowledged the object.", max_length=64
    )


class ServedStatus(ApiModel):
    """The status of what is served at load-balancer addresses."""

    conditions: list[Condition] = Field(
        default_factory=list,
        max_length=16,
        json_schema_extra=keyed("type"),
        description="Accepted, ResolvedRefs, Conflicted, Programmed.",
    )
    observed_generation: int = Field(
        default=0, description="The generation of the spec that the conditions are about.", ge=0
    )
    load_balancer: LoadBalancerStatus = Field(default=LoadBalancerStatus(), description="Where the object is served.")
