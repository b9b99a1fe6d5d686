"""What a page of another origin can do to what `pressrun up` started: nothing, and it reads nothing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import EXECUTABLE, Page, a_page
from tests.live.house import House, a_house
from tests.routes.raw_server import Reply, serving

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(EXECUTABLE is None, reason="there is no Chromium here"),
]

ATTACK = """
(async () => {
  const read = [], api = API, made = JSON.stringify(
    {job_variables: {command: 'touch ' + MADE}, state: {type: 'SCHEDULED'}, enforce_parameter_schema: false})
  const tell = (how, text) => read.push(how + ': ' + String(text).slice(0, 300))
  const run = `${api}/deployments/${DEPLOYMENT}/create_flow_run`
  const attempt = async (how, url, options) => {
    try {
      const reply = await fetch(url, options), text = await reply.text()
      if (reply.ok && text) tell(how, text)
    } catch (error) { tried.push(how) }
  }
  const tried = []
  const until = act => Promise.race([new Promise(act), new Promise(done => setTimeout(done, 10000))])
  const post = (type, more) => ({method: 'POST', body: made, headers: {'Content-Type': type}, ...more})
  await attempt('GET', `${api}/admin/settings`)
  await attempt('GET with credentials', `${api}/admin/settings`, {credentials: 'include'})
  await attempt('filter', `${api}/flow_runs/filter`, {method: 'POST', body: '{}'})
  await attempt('simple POST', run, post('text/plain'))
  await attempt('opaque POST', run, post('text/plain', {mode: 'no-cors'}))
  await attempt('JSON POST', run, post('application/json'))
  await attempt('POST with a login of its own', run,
    post('application/json', {headers: {'Content-Type': 'application/json', Authorization: 'Basic ' + btoa('a:b')}}))
  await attempt('the sites', SITES)
  const frame = document.createElement('iframe')
  frame.name = 'answers'
  document.body.appendChild(frame)
  const form = document.body.appendChild(document.createElement('form'))
  Object.assign(form, {method: 'post', action: run, enctype: 'text/plain', target: 'answers'})
  const field = form.appendChild(document.createElement('input'))
  field.name = made.slice(0, -1) + ', "a": "'
  field.value = '"}'
  await until(done => { frame.onload = done; form.submit() })
  try { tell('frame', frame.contentDocument.body.innerText) } catch (error) { tried.push('frame') }
  const image = new Image()
  image.src = `${api}/admin/settings`
  await until(done => { image.onload = image.onerror = done })
  const source = new EventSource(`${api}/admin/settings`)
  source.onmessage = event => tell('source', event.data)
  await until(done => { source.onerror = done })
  source.close()
  const filter = {type: 'filter', filter: {occurred: {since: '2020-01-01T00:00:00Z', until: '2100-01-01T00:00:00Z'}}}
  for (const path of ['events/out', 'events/in', 'logs/out'])
    for (const protocol of [[], ['prefect']])
      for (const token of [null, '', 'a:b'])
        await until(done => {
          const socket = new WebSocket(`${api.replace('http', 'ws')}/${path}`, protocol)
          socket.onopen = () => {
            if (protocol.length) socket.send(JSON.stringify({type: 'auth', token}))
            else socket.send(JSON.stringify(filter))
          }
          socket.onmessage = event => { tell(path, event.data); done() }
          socket.onclose = done
        })
  return {read, tried}
})()
"""
"""Every way a page has to reach another address; `read` is what it got to see."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with a_house(tmp_path_factory.mktemp("house")) as house:
        (house.root / "sites").mkdir()
        (house.root / "sites" / "index.html").write_text("a site that is not published yet")
        house.up()
        yield house


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """Its name `evil.example` leads to this machine, as a page can make its own name do (DNS rebinding)."""
    with a_page(tmp_path, "--host-resolver-rules=MAP evil.example 127.0.0.1") as page:
        yield page


def runs(house: House) -> int:
    """How many runs the deployment has that is attacked; it has no schedule."""
    wanted = {"id": {"any_": [house.get("deployments/name/build-site/on-demand")["id"]]}}
    count: int = house.ask("flow_runs/count", deployments=wanted)
    return count


def attack(page: Page, house: House, api: str, made: Path) -> list[str]:
    """Try everything from the page that is open; returns what it could read."""
    deployment = house.get("deployments/name/build-site/on-demand")["id"]
    sites = f"http://evil.example:{house.sites_port}/"
    script = ATTACK
    for name, value in {"API": api, "MADE": str(made), "DEPLOYMENT": deployment, "SITES": sites}.items():
        script = script.replace(name, json.dumps(value))
    done: dict[str, Any] = page.evaluate(script.strip())
    read: list[str] = done["read"]
    return read


def test_a_page_of_another_origin_reads_nothing_and_starts_nothing(page: Page, house: House, tmp_path: Path) -> None:
    with serving(lambda _asked: Reply(b"an innocent page", content_type="text/html")) as other:
        for name in ("127.0.0.1", "localhost", "evil.example"):
            page.open(other.base_url.replace("127.0.0.1", name))
            page.wait_for_text("an innocent page")
            assert attack(page, house, house.api, tmp_path / "made") == [], name
    assert runs(house) == 0
    assert not (tmp_path / "made").exists()


def test_a_page_whose_name_leads_to_the_server_reads_nothing_and_starts_nothing(
    page: Page, house: House, tmp_path: Path
) -> None:
    page.open(f"http://evil.example:{house.port}/api/health")
    page.wait_for_text("true")
    read = attack(page, house, f"http://evil.example:{house.port}/api", tmp_path / "made")
    assert not [one for one in read if "Unauthorized" not in one]
    assert runs(house) == 0
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_person_logs_in_and_sees_the_deployments(page: Page, house: House, name: str) -> None:
    page.open(f"http://{name}:{house.port}/v2/deployments")
    page.type_into("input[type=password]", house.login)
    page.click("Login", "button")
    page.wait_for_text("monthly-costs")


def test_a_wrong_login_shows_nothing(page: Page, house: House) -> None:
    page.open(f"http://127.0.0.1:{house.port}/v2/deployments")
    page.type_into("input[type=password]", "admin:pass")
    page.click("Login", "button")
    page.wait_for_text("Invalid credentials", "Authentication failed")
    assert "monthly-costs" not in page.text
