"""What policies need to know of pods, external workloads and namespaces; without what churns."""

from dataclasses import dataclass

from operators.ir.policy import ContainerPort, Labels, Workload
from operators.ir.policy.identities import identity_name

NAME_LABEL = "kubernetes.io/metadata.name"


@dataclass(frozen=True, slots=True)
class NamespaceFacts:
    name: str
    labels: Labels = frozenset()

    @property
    def key(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class WorkloadFacts:
    """A pod that runs, or an external workload; not those on the host's network, which are their nodes."""

    namespace: str
    name: str
    addresses: tuple[str, ...] = ()
    node: str = ""
    labels: Labels = frozenset()
    account: str = "default"
    ports: frozenset[ContainerPort] = frozenset()
    external: bool = False

    @property
    def key(self) -> str:
        kind = "external" if self.external else "pod"
        return f"{kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Member:
    """A workload, and which identity it has."""

    key: str
    workload: Workload
    identity: str
    addresses: tuple[str, ...]
    node: str


def member(facts: WorkloadFacts, namespace: NamespaceFacts | None) -> Member:
    """A namespace that is not known yet has at least its name."""
    of_namespace = namespace.labels if namespace is not None else frozenset()
    workload = Workload(
        facts.namespace,
        facts.labels,
        frozenset({*(label for label in of_namespace if label[0] != NAME_LABEL), (NAME_LABEL, facts.namespace)}),
        facts.account,
        facts.ports,
        facts.external,
    )
    return Member(facts.key, workload, identity_name(workload), facts.addresses, facts.node)
