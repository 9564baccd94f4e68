"""What is deployed agrees with the contracts, the settings and the platforms' own schemas."""

import json
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from huntaze_contracts.registry import WORKERS

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
TOOLS = Path(sys.executable).parent
SERVICES = {worker.service: worker for worker in WORKERS.values()}
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def settings_of(service: str) -> dict[str, bool]:
    """Return the service's variables, and whether each is required."""
    kind = import_module(f"huntaze_{service}.settings").__dict__[f"{service.capitalize()}Settings"]
    return {field.name.upper(): field.required for field in msgspec.structs.fields(kind)}


def manifests(platform: str, service: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / platform / f"{service}.yaml").read_text()))


def knative_service(platform: str, service: str) -> dict[str, Any]:
    return next(
        each for each in manifests(platform, service) if each["apiVersion"] == "serving.knative.dev/v1"
    )


def variables(service: str, platform: str) -> set[str]:
    """Return the names that a platform's file sets, those given as files without their ending."""
    if platform == "compose":
        names = set(COMPOSE["services"][service]["environment"])
    elif platform == "fly":
        text = (DEPLOY / "fly" / f"{service}.toml").read_text()
        secrets = " ".join(re.findall(r"^#   (.*)", text, re.MULTILINE))
        names = set(tomllib.loads(text)["env"]) | set(secrets.replace(",", " ").split())
    else:
        (container,) = knative_service(platform, service)["spec"]["template"]["spec"]["containers"]
        names = {entry["name"] for entry in container["env"]}
    return {name.removesuffix("_FILE") for name in names}


@pytest.mark.parametrize("platform", ["compose", "cloud-run", "knative", "fly"])
@pytest.mark.parametrize("service", SERVICES)
def test_a_platform_sets_what_a_worker_needs_and_nothing_else(service: str, platform: str) -> None:
    """A missing setting stops the first deployment; one that nobody reads is a mistake, too."""
    known = settings_of(service)
    given = variables(service, platform) - {"MIGRATION_DATABASE_URL"}
    assert {name for name, required in known.items() if required} <= given
    assert given <= set(known)


@pytest.mark.parametrize("service", SERVICES)
def test_no_platform_loses_patience_before_qstash(service: str) -> None:
    """The deadline chain: job < QStash's timeout < platform, and 900 s is the most that Lambda has."""
    worker = SERVICES[service]
    fly = tomllib.loads((DEPLOY / "fly" / f"{service}.toml").read_text())
    templates = [
        knative_service(platform, service)["spec"]["template"] for platform in ("cloud-run", "knative")
    ]
    limits = [template["spec"]["timeoutSeconds"] for template in templates]
    limits.append(fly["http_service"]["http_options"]["idle_timeout"])
    limits.append(cloud_formation("lambda")["Mappings"]["Limits"][service]["Timeout"])
    assert all(worker.timeout < limit <= 900 for limit in limits), limits
    attributes = cloud_formation("fargate-shared")["Resources"]["Balancer"]["Properties"][
        "LoadBalancerAttributes"
    ]
    idle = next(int(each["Value"]) for each in attributes if each["Key"] == "idle_timeout.timeout_seconds")
    assert worker.timeout < idle


@pytest.mark.parametrize("service", SERVICES)
def test_a_platform_gives_the_grace_that_the_worker_counts_on(service: str) -> None:
    """A worker that is killed while it gives jobs back leaves them to their leases."""
    fly = tomllib.loads((DEPLOY / "fly" / f"{service}.toml").read_text())
    assert int(fly["env"]["SHUTDOWN_GRACE"]) <= fly["kill_timeout"]
    compose = COMPOSE["services"][service]
    assert int(compose["environment"]["SHUTDOWN_GRACE"]) <= int(
        compose["stop_grace_period"].removesuffix("s")
    )


@pytest.mark.parametrize("service", SERVICES)
def test_containers_are_confined(service: str) -> None:
    """No privileges, no capabilities, nothing to write to but the scratch directory, and limits on all."""
    for kind in ("", "migrate-"):
        compose = COMPOSE["services"][kind + service]
        assert (compose["read_only"], compose["cap_drop"]) == (True, ["ALL"])
        assert compose["security_opt"] == ["no-new-privileges:true"]
        assert {"cpus", "memory", "pids"} <= set(compose["deploy"]["resources"]["limits"])
    for manifest in manifests("knative", service):
        (container,) = manifest["spec"]["template"]["spec"]["containers"]
        context = container["securityContext"]
        assert (context["readOnlyRootFilesystem"], context["allowPrivilegeEscalation"]) == (True, False)
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert {"cpu", "memory"} <= set(container["resources"]["limits"])


@pytest.mark.parametrize("service", SERVICES)
def test_only_migrations_know_the_owner_of_the_tables(service: str) -> None:
    """A worker that is taken over can't change its own schema. (Fly has one set of secrets for both.)"""
    assert "MIGRATION_DATABASE_URL" not in variables(service, "compose") | variables(service, "cloud-run")
    assert "MIGRATION_DATABASE_URL" not in variables(service, "knative")
    assert f"{service}_migration_database_url" not in COMPOSE["services"][service]["secrets"]


@pytest.mark.parametrize(
    "file", ["deploy/compose.yaml:compose-spec", ".github/workflows/ci.yml:github-workflows"]
)
def test_a_file_follows_its_schema(file: str) -> None:
    """The schemas that the specifications publish; check-jsonschema brings them."""
    path, _, schema = file.partition(":")
    check([str(TOOLS / "check-jsonschema"), "--builtin-schema", f"vendor.{schema}", str(ROOT / path)])


def test_cloudformation_templates_are_sound() -> None:
    """AWS's own linter, with the resource schemas of the regions."""
    check([str(TOOLS / "cfn-lint"), *map(str, sorted((DEPLOY / "aws").glob("*.yaml")))])


@pytest.mark.parametrize("service", SERVICES)
def test_kubernetes_objects_follow_their_schema(service: str) -> None:
    """The Job as it is; of the Knative Service what it shares with a Pod."""
    validator = pytest.importorskip(
        "kubernetes_validate", reason="pip install kubernetes-validate (108 MB): CI does"
    )
    for manifest in manifests("knative", service):
        if manifest["kind"] == "Job":
            validator.validate(manifest, "1.33", strict=True)
            continue
        spec = dict(manifest["spec"]["template"]["spec"])
        for field in ("containerConcurrency", "timeoutSeconds", "responseStartTimeoutSeconds"):
            spec.pop(field)
        for probe in ("readinessProbe", "livenessProbe"):  # Knative fills in the port
            spec["containers"][0][probe]["httpGet"]["port"] = 8000
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": manifest["metadata"], "spec": spec}
        validator.validate(pod, "1.33", strict=True)


def test_the_dashboard_asks_for_metrics_that_exist() -> None:
    """A panel without data looks like a platform without trouble."""
    source = (ROOT / "libs/common/huntaze_common/metrics.py").read_text()
    own = set(re.findall(r'"([a-z_]+)", "[A-Z]', source)) | {
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
    }
    dashboard = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())
    expressions += [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    assert len(expressions) > 10
    for expression in expressions:
        without_strings = re.sub(
            r'"[^"]*"|\{[^}]*\}|\[[^]]*\]|\b(by|on|without|ignoring|group_left)\s*\([^)]*\)', "", expression
        )
        names = set(re.findall(r"[a-z_]{4,}(?![a-z_(])", without_strings)) - {"vector", "offset", "unless"}
        assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in names} <= own | {"up"}, expression


def cloud_formation(name: str) -> dict[str, Any]:
    """Read a template; what its short forms stand for doesn't matter here."""

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_multi_constructor("!", lambda loader, suffix, node: suffix)
    return yaml.load((DEPLOY / "aws" / f"{name}.yaml").read_text(), Loader)


def check(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
