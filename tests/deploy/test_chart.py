"""The chart holds what the programs need: their settings, their rights, and no value that nobody reads."""

import re
from typing import Any

import pytest

from e2e import helm
from e2e.lab.errors import LabError
from operators.node_agent.envoy_bootstrap import EnvoySettings
from operators.node_agent.settings import AgentSettings
from operators.settings import Exposure, Settings

CONTROLLER, AGENT, ENVOY = "tulle-controller", "tulle-agent", "tulle-envoy"


def one(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    [found] = [each for each in objects if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def pod(objects: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return one(objects, "Deployment" if name == CONTROLLER else "DaemonSet", name)["spec"]["template"]["spec"]


def container(objects: list[dict[str, Any]], name: str) -> dict[str, Any]:
    [found] = pod(objects, name)["containers"]
    return found


def environment(objects: list[dict[str, Any]], name: str) -> dict[str, str]:
    """As the container would see it; what the downward API gives stands for itself."""
    listed = container(objects, name)["env"]
    values = {each["name"]: each.get("value", str(each.get("valueFrom"))) for each in listed}
    assert len(values) == len(listed)
    return values


def fields(settings: Any) -> set[str]:
    return {f"TULLE_{name.upper()}" for name in settings.model_fields}


# ---- Helm


def test_lint_finds_nothing():
    assert "0 chart(s) failed" in helm.helm("lint", "--strict", helm.CHART)


def test_every_object_says_what_it_is(objects):
    named = [(each["apiVersion"], each["kind"], each["metadata"]["name"]) for each in objects]
    assert all(all(parts) for parts in named)
    assert len(set(named)) == len(named)


def test_what_it_consists_of(objects):
    assert {(each["kind"], each["metadata"]["name"]) for each in objects} == {
        ("CustomResourceDefinition", "ciliumingresses.tulle.dev"),
        ("CustomResourceDefinition", "loadbalancerippools.tulle.dev"),
        ("Deployment", CONTROLLER),
        ("DaemonSet", AGENT),
        ("DaemonSet", ENVOY),
        ("PodDisruptionBudget", CONTROLLER),
        ("Service", CONTROLLER),
        ("Service", ENVOY),
        ("IngressClass", "tulle"),
        *(("ServiceAccount", name) for name in (CONTROLLER, AGENT, ENVOY)),
        *((kind, CONTROLLER) for kind in ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")),
    }


# ---- environment


def test_the_controller_knows_every_variable(objects):
    assert set(environment(objects, CONTROLLER)) <= fields(Settings)


def test_the_agent_knows_every_variable(objects):
    assert set(environment(objects, AGENT)) <= fields(AgentSettings)


class Recorded(dict[str, str]):
    """Which variables were asked for."""

    def __init__(self, values: dict[str, str]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)


def test_the_launcher_knows_every_variable(objects):
    variables = Recorded(environment(objects, ENVOY))
    EnvoySettings.read(variables)
    assert set(variables) <= variables.asked


@pytest.mark.parametrize("exposure", list(Exposure))
def test_values_become_the_controllers_settings(render, monkeypatch, exposure):
    ports = {"ports": {"http": 8080, "https": 8443}, "nodePorts": {"http": 31080, "https": 31443}}
    ingress = {"exposure": exposure.value, "defaultCertificate": "certs/fallback", **ports}
    log = {"level": "DEBUG", "format": "console"}
    objects = render({"ingress": ingress, "trustDomain": "mesh.example", "clusterName": "east", "log": log})
    for name, value in environment(objects, CONTROLLER).items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.exposure is exposure
    assert (settings.http_port, settings.https_port) == (8080, 8443)
    assert (settings.node_port_http, settings.node_port_https) == (31080, 31443)
    assert settings.default_certificate == "certs/fallback"
    assert (settings.trust_domain, settings.cluster_name) == ("mesh.example", "east")
    assert (settings.log_level, settings.log_format) == ("DEBUG", "console")


def test_the_default_values_are_the_defaults_of_the_settings(objects, monkeypatch):
    for name, value in environment(objects, CONTROLLER).items():
        if not value.startswith("{"):
            monkeypatch.setenv(name, value)
    assert Settings() == Settings.model_construct()


def test_values_become_the_launchers_settings(render):
    objects = render({"envoy": {"maximumConnections": 2_000_000, "lingerSeconds": 7, "drainSeconds": 90}})
    settings = EnvoySettings.read(environment(objects, ENVOY))
    assert (settings.maximum_connections, settings.linger_seconds, settings.drain_seconds) == (2_000_000, 7, 90)
    assert pod(objects, ENVOY)["terminationGracePeriodSeconds"] > 97


def test_agent_and_envoy_speak_to_the_service(objects):
    ports = {each["name"]: each["port"] for each in one(objects, "Service", CONTROLLER)["spec"]["ports"]}
    name = f"{CONTROLLER}.tulle-system.svc"
    agent, envoy = environment(objects, AGENT), environment(objects, ENVOY)
    assert agent["TULLE_XDS_ADDRESS"] == envoy["TULLE_XDS_ADDRESS"] == f"{name}:{ports['xds']}"
    assert agent["TULLE_BOOTSTRAP_ADDRESS"] == f"{name}:{ports['bootstrap']}"
    assert agent["TULLE_SERVER_NAME"] == name
    defaults = Settings.model_construct()
    assert ports == {"xds": defaults.ads_port, "bootstrap": defaults.bootstrap_port}


# ---- pods


def test_the_agent_finds_its_token_and_bundle(objects):
    mounts = {each["name"]: each["mountPath"] for each in container(objects, AGENT)["volumeMounts"]}
    volumes = {each["name"]: each for each in pod(objects, AGENT)["volumes"]}
    [token] = [source["serviceAccountToken"] for source in volumes["token"]["projected"]["sources"]]
    assert token["audience"] == "tulle.dev/ca"
    defaults = AgentSettings(node_name="n")
    assert f"{mounts['token']}/{token['path']}" == str(defaults.token_file)
    assert volumes["bundle"]["configMap"]["name"] == "tulle-ca-bundle"
    assert f"{mounts['bundle']}/ca.crt" == str(defaults.bundle_file)
    assert mounts["run"] == str(defaults.agent_socket.parent)


def test_an_envoy_is_replaced_by_one_that_serves_already(objects):
    strategy = one(objects, "DaemonSet", ENVOY)["spec"]["updateStrategy"]
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    assert pod(objects, ENVOY)["hostNetwork"] is True
    assert "ports" not in container(objects, ENVOY)
    assert container(objects, ENVOY)["readinessProbe"]["exec"]["command"] == ["tulle-envoy", "--ready"]


def test_only_the_container_that_sets_a_sysctl_is_privileged(objects, render):
    def privileged(found):
        every = [each for name in (CONTROLLER, AGENT, ENVOY) for each in all_containers(pod(found, name))]
        return [each["name"] for each in every if each["securityContext"].get("privileged")]

    assert privileged(objects) == ["sysctls"]
    assert privileged(render({"agent": {"setSysctls": False}})) == []


def all_containers(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [*spec.get("initContainers", []), *spec["containers"]]


@pytest.mark.parametrize(("name", "added"), [(CONTROLLER, []), (AGENT, ["NET_ADMIN", "NET_RAW"])])
def test_capabilities(objects, name, added):
    granted = container(objects, name)["securityContext"]["capabilities"]
    assert (granted["drop"], granted.get("add", [])) == (["ALL"], added)


def test_one_replica_needs_no_budget(render):
    kinds = {each["kind"] for each in render({"controller": {"replicas": 1}})}
    assert "PodDisruptionBudget" not in kinds


# ---- images


def images(objects: list[dict[str, Any]]) -> set[str]:
    return {each["image"] for name in (CONTROLLER, AGENT, ENVOY) for each in all_containers(pod(objects, name))}


def test_images(objects, render):
    assert images(objects) == {"tulle.local/tulle:0.1.0", "tulle.local/envoy:0.1.0"}
    elsewhere = render({"image": {"registry": "registry.example:5000/mesh", "tag": "1.2.3"}})
    assert images(elsewhere) == {f"registry.example:5000/mesh/{name}:1.2.3" for name in ("tulle", "envoy")}


def test_a_digest_wins_over_the_tag(render):
    digest = "sha256:" + "a" * 64
    pinned = render({"image": {"digests": {"envoy": digest}}})
    assert images(pinned) == {"tulle.local/tulle:0.1.0", f"tulle.local/envoy@{digest}"}


# ---- rights


def rules(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [rule for each in objects if each["kind"] in {"Role", "ClusterRole"} for rule in each["rules"]]


def test_no_rule_is_for_everything(objects):
    assert rules(objects)
    for rule in rules(objects):
        assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"], *rule.get("resourceNames", [])]


def test_secrets_are_written_in_our_namespace_only_and_never_changed(objects):
    verbs = {verb for rule in rules(objects) if "secrets" in rule["resources"] for verb in rule["verbs"]}
    assert verbs == {"get", "list", "watch", "create"}
    everywhere = one(objects, "ClusterRole", CONTROLLER)["rules"]
    assert all("create" not in rule["verbs"] for rule in everywhere if "secrets" in rule["resources"])


def test_every_watched_kind_may_be_watched(objects):
    from operators.controller.process import Controller  # late: it makes the whole graph

    allowed = {
        (group, resource)
        for rule in one(objects, "ClusterRole", CONTROLLER)["rules"]
        if {"get", "list", "watch"} <= set(rule["verbs"])
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    watched = {(watch.path.group, watch.path.plural) for watch in Controller(Settings.model_construct()).watches}
    assert watched <= allowed
    assert allowed - watched == {("apiextensions.k8s.io", "customresourcedefinitions")}


def test_only_the_controller_speaks_to_the_api_server(objects):
    for name in (AGENT, ENVOY):
        assert pod(objects, name)["automountServiceAccountToken"] is False
    bindings = [each for each in objects if each["kind"].endswith("Binding")]
    assert {subject["name"] for each in bindings for subject in each["subjects"]} == {CONTROLLER}


# ---- the class


def test_the_class_is_ours_and_not_the_default(objects, render):
    found = one(objects, "IngressClass", "tulle")
    assert found["spec"]["controller"] == Settings.model_construct().controller_name
    assert "annotations" not in found["metadata"]
    default = one(render({"ingress": {"isDefaultClass": True}}), "IngressClass", "tulle")
    assert default["metadata"]["annotations"] == {"ingressclass.kubernetes.io/is-default-class": "true"}


# ---- what is refused


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"replicas": 3}, "'replicas' not allowed"),
        ({"controller": {"replica": 3}}, "'replica' not allowed"),
        ({"controller": {"resources": {"limit": {}}}}, "'limit' not allowed"),
        ({"controller": {"replicas": "two"}}, "/controller/replicas"),
        ({"controller": {"replicas": 0}}, "/controller/replicas"),
        ({"ingress": {"exposure": "ClusterIP"}}, "/ingress/exposure"),
        ({"ingress": {"ports": {"http": 65536}}}, "/ingress/ports/http"),
        ({"ingress": {"isDefaultClass": "yes"}}, "/ingress/isDefaultClass"),
        ({"ingress": {"defaultCertificate": "no-namespace"}}, "/ingress/defaultCertificate"),
        ({"image": {"pullPolicy": "Sometimes"}}, "/image/pullPolicy"),
        ({"image": {"digests": {"envoy": "latest"}}}, "/image/digests/envoy"),
        ({"log": {"level": "LOUD"}}, "/log/level"),
        ({"envoy": {"drainSeconds": "1m"}}, "/envoy/drainSeconds"),
        ({"agent": {"tolerations": [{"operator": "Always"}]}}, "/agent/tolerations/0/operator"),
    ],
)
def test_a_wrong_value_is_refused_by_name(values, named):
    with pytest.raises(LabError, match=re.escape(named)):
        helm.template(values)
