"""The compose file beside what it refers to: prefect.yaml, the image, the settings of Prefect and our own."""

import re
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from prefect.settings.models.root import Settings as PrefectSettings
from pydantic import AliasChoices
from pydantic_settings import BaseSettings
from ruamel.yaml import YAML

from pressrun.settings import Settings
from pressrun.up import POOL
from tests.test_package import PROJECT

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deployments"
COMPOSE = YAML(typ="safe").load(FOLDER / "compose.yaml")
SERVICES: dict[str, Any] = COMPOSE["services"]
PROJECT_FILE = YAML(typ="safe").load(ROOT / "prefect.yaml")
DOCKERFILE = (FOLDER / "Dockerfile").read_text()
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "pressrun:local"}


def variables() -> set[str]:
    """Every variable that our services are given."""
    return {name for service in OURS.values() for name in service["environment"]}


def test_the_worker_serves_the_pool_that_every_deployment_names() -> None:
    pools = {deployment["work_pool"]["name"] for deployment in PROJECT_FILE["deployments"]}
    assert pools == {"pressrun"}
    assert "--pool pressrun " in SERVICES["worker"]["command"]
    assert POOL == "pressrun"
    assert SERVICES["setup"]["command"] == "pressrun setup"


def test_the_collector_is_a_schedule_of_the_project() -> None:
    [collector] = [one for one in PROJECT_FILE["deployments"] if one["entrypoint"].endswith(":collect_batches")]
    assert collector["schedules"]


def test_what_a_service_waits_for_is_there_and_can_come_about() -> None:
    for service in SERVICES.values():
        for name, wait in service.get("depends_on", {}).items():
            assert wait["condition"] != "service_healthy" or "healthcheck" in SERVICES[name]


def test_every_volume_is_declared_and_belongs_to_the_user_of_the_image() -> None:
    mounts = [mount.split(":") for service in SERVICES.values() for mount in service.get("volumes", [])]
    assert {volume for volume, *_ in mounts if not volume.startswith("..")} == set(COMPOSE["volumes"])
    ours = {one.split(":")[1] for service in OURS.values() for one in service.get("volumes", [])}
    assert ours
    assert all(path in DOCKERFILE for path in ours)
    assert "USER pressrun" in DOCKERFILE


def test_the_server_is_on_this_machine_only_and_asks_who_comes() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert "${PREFECT_LOGIN:?" in SERVICES["server"]["environment"]["PREFECT_SERVER_API_AUTH_STRING"]


def test_no_secret_is_written_down_and_every_one_that_is_asked_for_is_in_the_example() -> None:
    text = (FOLDER / "compose.yaml").read_text()
    named = set(re.findall(r"^(\w+)=$", (FOLDER / "env.example").read_text(), re.MULTILINE))
    asked = set(re.findall(r"^[^#\n]*?\$\{(\w+)", text, re.MULTILINE))
    assert asked == named
    secret = re.compile(r"(PASSWORD|AUTH_STRING|KEY|SECRET)$")
    values = {name: value for one in SERVICES.values() for name, value in one.get("environment", {}).items()}
    assert all(value.startswith("${") for name, value in values.items() if secret.search(name))


def test_every_setting_is_one_that_prefect_or_pressrun_has() -> None:
    known = {f"PRESSRUN_{name}".upper() for name in Settings.model_fields} | _names_in_prefect()
    # Those of Redis belong to prefect-redis, which is installed in the image only.
    checked = {name for name in variables() if not name.startswith("PREFECT_REDIS_")}
    others = {"OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_WEBHOOK_SECRET", "DO_NOT_TRACK"}
    assert checked - others <= known


def _names_in_prefect(group: type[BaseSettings] = PrefectSettings) -> set[str]:
    """The variables of a group of Prefect's settings and of the groups in it, with their older names."""
    names = set()
    for name, field in group.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseSettings):
            names |= _names_in_prefect(field.annotation)
        alias = field.validation_alias
        choices = alias.choices if isinstance(alias, AliasChoices) else []
        names |= {f"{group.model_config.get('env_prefix')}{name}".upper()}
        names |= {choice.upper() for choice in choices if isinstance(choice, str)}
    return names


@pytest.mark.parametrize(
    "name",
    [
        "pyproject.toml",
        "prefect.yaml",
        "pressrun",
        "tasks",
        "flows",
        "constraints.txt",
        "deployments/automations.yaml",
    ],
)
def test_the_image_has_what_it_is_built_from(name: str) -> None:
    assert (ROOT / name).exists()
    assert re.search(rf"^COPY .*\b{re.escape(name)}\b", DOCKERFILE, re.MULTILINE)
    assert f"!{name}\n" in (FOLDER / "Dockerfile.dockerignore").read_text()


def test_the_image_has_the_extras_that_the_project_declares() -> None:
    [extras] = re.findall(r"^ARG EXTRAS=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])
    assert [Requirement(line).name for line in PROJECT["optional-dependencies"]["server"]] == ["prefect-redis"]


def test_every_entrypoint_of_the_project_is_a_flow() -> None:
    for deployment in PROJECT_FILE["deployments"]:
        path, name = deployment["entrypoint"].split(":")
        assert f"\ndef {name}(" in (ROOT / path).read_text()
