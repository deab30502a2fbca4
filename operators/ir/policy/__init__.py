"""Who may talk to whom: policies as rules over workloads, and `decide`, which is what they mean.

Policies keep selectors over labels and know no numbers, so that a policy changes only with its own object; whoever fills
tables for the kernel resolves selectors to identities and is tested against `decide`.
"""

from operators.ir.policy.decide import Decision, Finding, Judgement, decide
from operators.ir.policy.ends import ContainerPort, End, Entity, Packet, Protocol, Workload
from operators.ir.policy.rules import (
    NETWORK_POLICY_PRIORITY,
    Account,
    Action,
    Cidr,
    Direction,
    ExternalWorkloads,
    Fqdn,
    Mode,
    NamedPort,
    Peer,
    Pods,
    Policy,
    Port,
    PortRange,
    Rule,
    ServiceEndpoints,
    Subject,
    Tier,
    Verdict,
)
from operators.ir.policy.selectors import EVERYTHING, Labels, Operator, Requirement, Selector

__all__ = [
    "EVERYTHING",
    "NETWORK_POLICY_PRIORITY",
    "Account",
    "Action",
    "Cidr",
    "ContainerPort",
    "Decision",
    "Direction",
    "End",
    "Entity",
    "ExternalWorkloads",
    "Finding",
    "Fqdn",
    "Judgement",
    "Labels",
    "Mode",
    "NamedPort",
    "Operator",
    "Packet",
    "Peer",
    "Pods",
    "Policy",
    "Port",
    "PortRange",
    "Protocol",
    "Requirement",
    "Rule",
    "Selector",
    "ServiceEndpoints",
    "Subject",
    "Tier",
    "Verdict",
    "Workload",
    "decide",
]
