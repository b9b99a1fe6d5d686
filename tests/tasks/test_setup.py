"""Setting up a real Prefect server: what is made, what stays, what goes."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.blocks.system import Secret
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events.schemas.automations import Automation
from ruamel.yaml import YAML

from pressrun.settings import Settings
from pressrun.up import Done
from tasks.alerts import Alert
from tasks.pace import IMAGES
from tasks.setup import set_automations, set_limits

pytestmark = pytest.mark.usefixtures("prefect_api")

ROOT = Path(__file__).parents[2]
DECLARED = ROOT / "deployments" / "automations.yaml"


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture(autouse=True)
def as_it_was(client: SyncPrefectClient) -> Iterator[None]:
    """Other tests of the same server find nothing of what is made here, even after a failure."""
    yield
    verbs(set_limits(client, Settings()))
    verbs(set_automations(client, None, DECLARED))


def verbs(done: Iterable[Done]) -> dict[str, str]:
    """What was done, by what it was done to."""
    return {one.what: one.verb for one in done}


def automations(client: SyncPrefectClient) -> dict[str, Automation]:
    return {one.name: one for one in client.read_automations() if one.name.startswith("pressrun: ")}


def test_a_limit_is_made_changed_and_removed_as_the_settings_say(client: SyncPrefectClient) -> None:
    def told(**settings: int) -> dict[str, str]:
        return verbs(set_limits(client, Settings(**settings)))

    assert told(images_per_minute=6)[f"limit {IMAGES}: 6"] == "created"
    made = client.read_global_concurrency_limit_by_name(IMAGES)
    assert (made.limit, made.slot_decay_per_second, made.active) == (1, 0.1, True)
    assert told(images_per_minute=6)[f"limit {IMAGES}: 6"] == "unchanged"
    assert told(images_per_minute=20)[f"limit {IMAGES}: 20"] == "updated"
    assert told()[f"limit {IMAGES} (PRESSRUN_IMAGES_PER_MINUTE is not set)"] == "removed"
    assert told()[f"limit {IMAGES} (PRESSRUN_IMAGES_PER_MINUTE is not set)"] == "not set"


@pytest.fixture
def blocks() -> None:
    """Two that notify and one that does not."""
    for name in ("agency", "office"):
        CustomWebhookNotificationBlock(name=name, url="http://127.0.0.1:9/").save(name, overwrite=True)
    Secret(value="x").save("plain", overwrite=True)


def notify_by(client: SyncPrefectClient, block: str | None) -> dict[str, str]:
    return verbs(set_automations(client, block, DECLARED))


def test_notifications_go_by_the_block_that_the_settings_name(client: SyncPrefectClient, blocks: None) -> None:
    assert list(notify_by(client, "custom-webhook/agency").values()) == ["created"] * 4
    assert len(automations(client)) == 4
    assert list(notify_by(client, "custom-webhook/agency").values()) == ["unchanged"] * 4
    assert list(notify_by(client, "custom-webhook/office").values()) == ["updated"] * 4
    assert list(notify_by(client, None).values()) == ["removed"] * 4
    assert automations(client) == {}
    assert list(notify_by(client, None).values()) == ["not set"]


def test_an_automation_that_a_person_has_disabled_stays_so(client: SyncPrefectClient, blocks: None) -> None:
    notify_by(client, "custom-webhook/agency")
    disabled = automations(client)["pressrun: a model is being retired"]
    client.pause_automation(disabled.id)
    notify_by(client, "custom-webhook/office")
    assert [name for name, one in automations(client).items() if not one.enabled] == [disabled.name]
    notify_by(client, None)


@pytest.mark.parametrize(
    ("block", "advice"),
    [
        ("slack-webhook/nobody", "there is no block slack-webhook/nobody. Create it in the UI"),
        ("secret/plain", "secret/plain cannot send notifications"),
    ],
)
def test_a_block_that_cannot_be_used_is_told_with_what_to_do(
    client: SyncPrefectClient, blocks: None, block: str, advice: str
) -> None:
    [(what, verb)] = notify_by(client, block).items()
    assert verb == "missing"
    assert advice in what
    assert automations(client) == {}


def test_every_event_of_ours_has_its_automation() -> None:
    declared = YAML(typ="safe").load(DECLARED.read_text())["automations"]
    assert sorted(event for one in declared for event in one["trigger"]["expect"]) == sorted(Alert)
