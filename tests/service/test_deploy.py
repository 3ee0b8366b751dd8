"""The files of deploy/: what they name exists, and the container gets no more than it needs."""

import json
import re

import pytest
import yaml

from facesift.service.metrics import Metrics
from tests.made import ROOT

DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
DASHBOARD = json.loads((DEPLOY / "grafana/dashboards/facesift.json").read_text())
RULES = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"][0]["rules"]
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
QUERIES += [rule["expr"] for rule in RULES]
DRIFT = {"facesift_drift_psi", "facesift_drift_chance", "facesift_drift_state", "facesift_drift_images"}


def offered():
    """Names of the metrics, of which each histogram has three and each counter another ending."""
    found = set(DRIFT)
    for line in Metrics().text().decode().splitlines():
        if line.startswith("# TYPE"):
            _, _, name, kind = line.split()
            found |= {f"{name}_{end}" for end in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    return found


@pytest.mark.parametrize("query", QUERIES)
def test_dashboard_and_alerts_ask_for_metrics_that_exist(query):
    asked = set(re.findall(r"facesift_\w+", query))
    assert asked <= offered()


def test_the_container_runs_without_rights():
    service = COMPOSE["services"]["facesift"]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert re.search(r"^USER (\d+)", DOCKERFILE, re.MULTILINE)[1] != "0"
    assert all(port.startswith("127.0.0.1:") for each in COMPOSE["services"].values() for port in each["ports"])


def test_the_container_has_the_extra_serve_alone():
    assert re.findall(r"'\.\[(.*?)\]'", DOCKERFILE) == ["serve"]


def test_files_that_compose_mounts_are_there():
    mounts = [volume.split(":")[0] for each in COMPOSE["services"].values() for volume in each.get("volumes", [])]
    named = [mount for mount in mounts if mount.startswith("./")]
    assert len(named) == 4
    assert all((DEPLOY / mount).exists() for mount in named)
