"""`e2e/lab/lab`: clusters from the command line."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from e2e.lab import build as builds
from e2e.lab import images, interrupts, requirements, state
from e2e.lab.cluster import Cluster, of_node
from e2e.lab.errors import LabError
from e2e.lab.layout import MOST_CLUSTERS, MOST_NODES, Cni
from e2e.lab.paths import BINARIES
from e2e.lab.progress import reporting

app = typer.Typer(
    name="lab", help="Real Kubernetes on this machine, without Docker.", no_args_is_help=True, add_completion=False
)
console = Console(log_path=False, soft_wrap=True)


@app.command()
def up(
    name: Annotated[str, typer.Argument(help="of the new cluster")],
    nodes: Annotated[int, typer.Option(min=1, max=MOST_NODES, help="how many nodes")] = 2,
    cni: Annotated[Cni, typer.Option(help="how pods are connected")] = "bridge",
    kube_proxy: Annotated[bool, typer.Option("--kube-proxy/--no-kube-proxy", help="services by kube-proxy")] = True,
    number: Annotated[
        int, typer.Option("--id", min=0, max=MOST_CLUSTERS, help="decides all addresses; 0 takes a free one")
    ] = 0,
) -> None:
    """Bring up a cluster."""
    with reporting(console, "starting") as report:
        Cluster.up(name, nodes, cni, kube_proxy=kube_proxy, number=number, report=report)


@app.command()
def down(name: Annotated[str, typer.Argument()] = "", all: Annotated[bool, typer.Option("--all")] = False) -> None:  # noqa: A002
    """Take a cluster down, or all."""
    requirements.check_root()
    if not name and not all:
        raise LabError("which cluster? (--all for all)")
    for one in state.names() if all else [name]:
        with reporting(console, f"taking {one} down") as report:
            Cluster.load(one).down()
            report(f"cluster {one} is gone")


@app.command("list")
def list_() -> None:
    """What is up."""
    table = Table("cluster", "node", "address", "runs", "API")
    for cluster in map(Cluster.load, state.names()):
        for node, address in cluster.nodes.items():
            runs = "yes" if cluster.runs(node) else "no"
            table.add_row(cluster.layout.name, node, address, runs, f"127.0.0.1:{cluster.layout.api_port}")
    console.print(table)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def shell(context: typer.Context, node: str) -> None:
    """A shell, or a command, inside a node."""
    requirements.check_root()
    raise typer.Exit(of_node(node).interactive(node, *context.args))


@app.command()
def kill(node: str) -> None:
    """End all processes of a node at once, as a power failure would."""
    requirements.check_root()
    of_node(node).kill(node)
    console.log(f"node {node} is dead")


@app.command()
def start(node: str) -> None:
    """Start a node that was killed."""
    requirements.check_root()
    of_node(node).start(node)
    console.log(f"node {node} starts; kubectl shows when it is Ready")


@app.command()
def load(archives: list[Path], cluster: Annotated[str, typer.Option(help="only this one")] = "") -> None:
    """Import OCI archives into all nodes."""
    requirements.check_root()
    clusters = [Cluster.load(name) for name in ([cluster] if cluster else state.names())]
    if not clusters:
        raise LabError("no cluster is up")
    for one in clusters:
        for archive in archives:
            with reporting(console, f"importing {archive}") as report:
                one.load_image(archive)
                report(f"{archive} is on {', '.join(one.nodes)}")


@app.command()
def kubeconfig(name: str) -> None:
    """Print where a cluster's kubeconfig is: export KUBECONFIG=$(e2e/lab/lab kubeconfig NAME)."""
    print(Cluster.load(name).kubeconfig)


@app.command()
def build() -> None:
    """Only build what clusters are made of."""
    requirements.check_machine()
    with reporting(console, "building") as report:
        builds.ensure(report=report)
        images.ensure()
        report(f"everything is built: {BINARIES}")


def main() -> None:
    interrupts.end_as_exceptions()
    try:
        app()
    except LabError as error:
        console.print("[bold red]error:[/]", end=" ")
        console.print(str(error), highlight=False, markup=False)
        sys.exit(1)


if __name__ == "__main__":
    main()
