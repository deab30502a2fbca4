"""`make demo`: a cluster, Tulle in it, a sample application, and requests from a machine outside that show it serve."""

import sys
from collections import Counter
from pathlib import Path

from rich.console import Console

from e2e.certificates import tls_secret
from e2e.echo import echo
from e2e.fetch import fetch
from e2e.install import install
from e2e.lab import ClientNamespace, Cluster, LabError
from e2e.lab.progress import reporting
from e2e.objects import apply, await_object

NAME = "demo"
NAMESPACE = "default"
EXAMPLES = Path(__file__).parents[1] / "docs/examples"
console = Console(log_path=False)


def up() -> None:
    cluster = _cluster()
    with reporting(console, "installing Tulle") as report:
        install(cluster, report=report)
        report("sample application")
        _deploy(cluster)
        for kind, name in (("ingress", "web"), ("ingress", "shop"), ("ciliumingress", "split")):
            report(f"waiting until every proxy has acknowledged {kind}/{name}")
            await_object(cluster, NAMESPACE, kind, name, lambda found: bool(_address(found)))
    _show_objects(cluster)
    _show_requests(cluster)
    _say_how_to_go_on(cluster)


def _cluster() -> Cluster:
    try:
        return Cluster.load(NAME)
    except LabError:
        with reporting(console, "starting") as report:
            return Cluster.up(NAME, nodes=2, report=report)


def _deploy(cluster: Cluster) -> None:
    """Two versions of a web application, and the documentation's examples in front of them."""
    names = ("web", "web-next", "api")
    secret, _ = tls_secret("shop-tls", ["shop.example"])
    apply(cluster, NAMESPACE, [one for name in names for one in echo(name, replicas=2)] + [secret])
    for name in names:
        cluster.kubectl("-n", NAMESPACE, "rollout", "status", f"deployment/{name}", "--timeout=120s")
    for example in ("ingress-simple", "ingress-tls", "cilium-ingress-split"):
        cluster.kubectl("-n", NAMESPACE, "apply", "-f", EXAMPLES / f"{example}.yaml")


def _address(found: dict) -> str:
    served = found.get("status", {}).get("loadBalancer", {}).get("ingress", [])
    return str(served[0].get("ip", "")) if served else ""


def _show_objects(cluster: Cluster) -> None:
    for command in (
        "get nodes",
        "-n tulle-system get pods -o wide",
        "get ingress,ciliumingress,loadbalancerippool -o wide",
    ):
        console.rule(f"kubectl {command}")
        console.print(cluster.kubectl(*command.split()), highlight=False, soft_wrap=True)
    console.rule("the conditions of Ingress shop")
    console.print(
        cluster.kubectl("get", "ingress", "shop", "-o", r"jsonpath={.metadata.annotations.tulle\.dev/conditions}"),
        soft_wrap=True,
    )


def _show_requests(cluster: Cluster) -> None:
    address = _address(await_object(cluster, NAMESPACE, "ingress", "web", lambda found: bool(_address(found))))
    console.rule(f"requests from outside the cluster to {address}")
    with ClientNamespace(cluster.layout.number) as client:
        for url in ("http://web.example/hello", "https://shop.example/cart", "http://nobody.example/"):
            answer = client.call(fetch, url, address)
            console.print(
                f"{url:28} → {answer.status} {answer.seen.get('pod', '')} on {answer.seen.get('node', 'no node')}"
            )
        pods = [client.call(fetch, "http://split.example/", address).service for _ in range(200)]
        shares = ", ".join(f"{count / 2:.0f} % {name}" for name, count in Counter(pods).most_common())
        console.print(f"{'200 x http://split.example/':28} → {shares}  (asked for: 90 and 10)")


def _say_how_to_go_on(cluster: Cluster) -> None:
    console.rule("go on")
    console.print(f"export KUBECONFIG={cluster.kubeconfig}", highlight=False)
    console.print("kubectl apply -f docs/examples/cilium-ingress-full.yaml; kubectl describe ciliumingress full")
    console.print(f"e2e/lab/lab shell {cluster.layout.first}     # a shell on a node")
    console.print("make demo-stop                 # take it all down")


def down() -> None:
    try:
        Cluster.load(NAME).down()
    except LabError as error:
        console.print(str(error))


if __name__ == "__main__":
    try:
        {"up": up, "down": down}[sys.argv[1]]()
    except LabError as error:
        console.print(f"[bold red]error:[/] {error}", highlight=False)
        sys.exit(1)
