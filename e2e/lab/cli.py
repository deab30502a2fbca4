"""`e2e/lab/lab`: clusters from the command line."""

from pathlib import Path
from typing import Annotated, cast

import typer
from rich.console import Console
from rich.table import Table

from e2e.lab import build as builds
from e2e.lab import requirements
from e2e.lab.cluster import Cluster, names, of_node
from e2e.lab.errors import LabError
from e2e.lab.layout import Cni

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)
console = Console(log_path=False)


@app.command()
def up(
    name: str,
    nodes: Annotated[int, typer.Option(min=1, max=9, help="how many nodes")] = 2,
    cni: Annotated[str, typer.Option(help="bridge or ptp")] = "bridge",
    kube_proxy: Annotated[bool, typer.Option("--kube-proxy/--no-kube-proxy", help="services by kube-proxy")] = True,
    number: Annotated[int, typer.Option("--id", min=0, max=9, help="decides all addresses; 0 takes a free one")] = 0,
) -> None:
    """Bring up a cluster."""
    if cni not in ("bridge", "ptp"):
        raise LabError(f"--cni {cni}: there are bridge and ptp")
    with console.status("starting") as status:

        def report(step: str) -> None:
            console.log(step)
            status.update(step)

        Cluster.up(name, nodes, cast("Cni", cni), kube_proxy=kube_proxy, number=number, report=report)


@app.command()
def down(name: Annotated[str, typer.Argument()] = "", all: Annotated[bool, typer.Option("--all")] = False) -> None:  # noqa: A002
    """Take a cluster down, or all."""
    if not name and not all:
        raise LabError("which cluster? (--all for all)")
    for one in names() if all else [name]:
        Cluster.load(one).down()
        console.log(f"cluster {one} is gone")


@app.command("list")
def list_() -> None:
    """What is up."""
    table = Table("cluster", "node", "address", "API", "kubeconfig")
    for cluster in map(Cluster.load, names()):
        layout = cluster.layout
        for node, address in cluster.nodes.items():
            table.add_row(layout.name, node, address, f"127.0.0.1:{layout.api_port}", str(layout.kubeconfig))
    console.print(table)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def shell(context: typer.Context, node: str) -> None:
    """A shell, or a command, inside a node."""
    raise typer.Exit(of_node(node).interactive(node, *context.args))


@app.command()
def kill(node: str) -> None:
    """End all processes of a node at once, as a power failure would."""
    of_node(node).kill(node)


@app.command()
def start(node: str) -> None:
    """Start a node that was killed."""
    of_node(node).start(node)


@app.command()
def load(archives: list[Path], cluster: Annotated[str, typer.Option(help="only this one")] = "") -> None:
    """Import OCI archives into all nodes."""
    for one in [cluster] if cluster else names():
        for archive in archives:
            Cluster.load(one).load_image(archive.resolve())


@app.command()
def build() -> None:
    """Only build what clusters are made of."""
    requirements.check_machine()
    builds.ensure(report=console.log)


def main() -> None:
    try:
        app()
    except LabError as error:
        console.print(f"[bold red]error:[/] {error}", highlight=False)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
