"""The main job in a browser: watch posts arrive, see a topic, search by meaning, download a briefing."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import Problems, chromium, open_page, violations
from tests.support.platform import ROOT, Platform

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture
def page(platform: Platform) -> Iterator[tuple[Page, Problems]]:
    path = chromium()
    if not path:
        message = "THE BROWSER JOURNEY DID NOT RUN: no Chromium on this machine (Debian: apt install chromium)"
        warnings.warn(message, stacklevel=1)
        pytest.skip(message)
    if not (ROOT / "services/frontend/dist/index.html").exists():
        pytest.fail("the dashboard is not built; make test builds it")
    platform.until("topics", lambda: platform.get("/api/v1/topics")["topics"])
    with open_page(path, platform.address) as opened:
        yield opened


@pytest.mark.filterwarnings("default:THE BROWSER JOURNEY")
def test_the_main_job_in_a_browser(page: tuple[Page, Problems], tmp_path: Path) -> None:
    tab, problems = page
    # posts arrive by themselves
    posts = tab.get_by_role("region", name="Live posts")
    expect(posts.get_by_role("article").first).to_be_visible(timeout=30_000)
    first = posts.inner_text()
    expect(posts).not_to_have_text(first, timeout=30_000)
    # a topic stands out, with its evidence
    lead = tab.get_by_role("region", name="What stands out")
    expect(lead).to_contain_text(re.compile(r"by [\d,]+ people; began at"), timeout=30_000)
    # searching by meaning
    tab.keyboard.press("/")
    tab.keyboard.type("breakfast and hot drinks")
    tab.keyboard.press("Enter")
    expect(tab).to_have_url(re.compile(r"/search\?q="))
    expect(tab.get_by_role("main")).to_contain_text(re.compile("meaning", re.I), timeout=60_000)
    # the topic's page and a briefing, followed step by step to its PDF
    tab.go_back()
    tab.get_by_role("region", name="Topics by momentum").get_by_role("link").first.click()
    expect(tab).to_have_url(re.compile("/topics/"))
    # "Make a new one" where another test on this platform made one of the same topic before
    tab.get_by_role("button", name=re.compile("Make a (briefing|new one)")).click()
    pdf = tab.get_by_role("link", name=re.compile("PDF"))
    expect(pdf).to_be_visible(timeout=60_000)
    answer = tab.request.get(f"{tab.url.split('/topics')[0]}{pdf.get_attribute('href')}")
    assert answer.body().startswith(b"%PDF-")
    assert problems == []


@pytest.mark.filterwarnings("default:THE BROWSER JOURNEY")
def test_a_reload_of_any_page_restores_it(page: tuple[Page, Problems]) -> None:
    tab, problems = page
    topic = tab.get_by_role("region", name="Topics by momentum").get_by_role("link").first
    label = topic.inner_text().strip()
    topic.click()
    expect(tab.get_by_role("heading", level=1, name=label, exact=True)).to_be_visible(timeout=30_000)
    tab.reload()
    expect(tab.get_by_role("heading", level=1, name=label, exact=True)).to_be_visible(timeout=30_000)
    assert problems == []


@pytest.mark.filterwarnings("default:THE BROWSER JOURNEY")
def test_an_agent_is_asked_and_followed_to_its_report_and_what_came_of_it_is_counted(
    page: tuple[Page, Problems],
) -> None:
    tab, problems = page
    # the list moves while it is looked at: its first topic is gone to by its address
    topic = tab.get_by_role("region", name="Topics by momentum").get_by_role("link").first.get_attribute("href")
    tab.evaluate("address => location.assign(address)", topic)
    tab.get_by_role("link", name="Ask about this topic").click()
    # nothing is sent that is no question
    tab.get_by_role("button", name="Ask", exact=True).click()
    expect(tab.get_by_text("Write a question of at least three letters.")).to_be_visible()
    tab.keyboard.type("What do people say about this?")
    tab.keyboard.press("Control+Enter")
    expect(tab).to_have_url(re.compile("/runs/"))
    # its steps come by themselves, each once, and what each asked can be read
    steps = tab.get_by_role("region", name="Steps")
    expect(steps.get_by_role("listitem").filter(has_text="Writing the report")).to_be_visible(timeout=60_000)
    call = steps.get_by_role("listitem").filter(has_text="Calling topic_posts")
    expect(call).to_have_count(1)
    call.get_by_text("What was asked").click()
    expect(call.locator("pre")).to_contain_text('"topic"')
    # without a model what was found is listed, and it says so
    expect(tab.get_by_text("no language model concluded anything")).to_be_visible(timeout=60_000)
    expect(tab.get_by_role("region", name="How it stands")).to_contain_text("done")
    tab.get_by_role("button", name="Yes", exact=True).click()
    expect(tab.get_by_text("Noted, without your name.")).to_be_visible()
    # a reload tells the same from the beginning
    tab.reload()
    expect(call).to_have_count(1)
    expect(tab.get_by_role("button", name="Yes", exact=True)).to_have_attribute("aria-pressed", "true")
    tab.get_by_role("link", name="Figures").first.click()
    expect(tab.get_by_role("region", name="Agents that finished")).to_contain_text("100%", timeout=30_000)
    expect(tab.get_by_role("region", name="Reports called helpful")).to_contain_text("of 1 vote helpful")
    assert problems == []


@pytest.mark.filterwarnings("default:THE BROWSER JOURNEY")
def test_a_pipeline_is_run_and_followed_stage_by_stage_to_its_report(page: tuple[Page, Problems]) -> None:
    tab, problems = page
    topic = tab.get_by_role("region", name="Topics by momentum").get_by_role("link").first.get_attribute("href")
    tab.evaluate("address => location.assign(address)", topic)
    tab.get_by_role("link", name="Deep dive").click()
    # the topic is chosen already, and the keyboard is all that is needed
    chosen = tab.get_by_role("form", name="Run Deep dive").get_by_label("Topic")
    expect(chosen).to_be_focused()
    assert topic is not None
    expect(chosen).to_have_value(unquote(topic.removeprefix("/topics/")))
    chosen.press("Control+Enter")
    expect(tab).to_have_url(re.compile("run="))
    # each stage tells how it went, by itself, and which had no model
    chain = tab.get_by_role("list", name="Stages of this run").get_by_role("listitem")
    expect(chain).to_have_count(7, timeout=30_000)
    expect(chain.filter(has_text="done,")).to_have_count(7, timeout=60_000)
    expect(chain.filter(has_text="without a model")).to_have_count(4)
    why = tab.get_by_role("list", name="What was rejected, and what was written without a model")
    expect(why).to_contain_text("Gathering evidence, Checking facts, Writing, Reading it as an editor")
    last = tab.get_by_role("region", name="Last runs").get_by_role("listitem").first
    expect(last).to_contain_text(re.compile(r"done.*took .* s.*cost \$0\.00", re.S))
    for theme in ("light", "dark"):
        tab.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
        assert violations(tab) == [], theme
    # among all runs it is found by what did it, and its page tells the stages too
    tab.evaluate("address => location.assign(address)", "/agents?by=deep-dive&status=done")
    tab.get_by_role("region", name="Runs").get_by_role("link").first.click()
    expect(tab.get_by_role("region", name="Stages").get_by_role("listitem").first).to_contain_text("Researcher")
    tab.get_by_role("main").get_by_role("link", name="Pipelines").click()
    tab.get_by_role("region", name="Last runs").get_by_role("link", name="Report").first.click()
    expect(tab.get_by_role("heading", level=1)).to_contain_text("Deep dive")
    assert problems == []


@pytest.mark.filterwarnings("default:THE BROWSER JOURNEY")
def test_a_pipeline_is_scheduled_changed_paused_and_removed(page: tuple[Page, Problems]) -> None:
    tab, problems = page
    tab.evaluate("address => location.assign(address)", "/pipelines?pipeline=source-audit")
    # what is missing is said where it is missing
    tab.get_by_role("button", name="Run now").click()
    tab.get_by_role("button", name="Run it").click()
    expect(tab.get_by_text("Choose a feed.").last).to_be_visible()
    expect(tab.get_by_role("form", name="Run Source audit").get_by_label("Feed", exact=True)).to_be_focused()
    tab.keyboard.press("Escape")
    expect(tab.get_by_role("button", name="Run now")).to_be_focused()
    tab.get_by_role("button", name="Schedule it").click()
    form = tab.get_by_role("form", name="New schedule")
    form.get_by_label("A site").check()
    form.get_by_label("Site", exact=True).fill("https://example.org/news")
    form.get_by_label("Time of day").fill("06:30")
    zone = form.get_by_label("Time zone")
    zone.fill("Mars/Olympus")
    expect(form.get_by_text("There is no time zone 'Mars/Olympus'")).to_be_visible()
    zone.fill("America/New_York")
    form.get_by_label("Monday").check()
    expect(form.get_by_text(re.compile("Next: Mon .* 06:30.*; then Mon .* 06:30"))).to_be_visible()
    form.get_by_role("button", name="Save the schedule").click()
    row = tab.get_by_role("region", name="Schedules").get_by_role("listitem")
    expect(row).to_contain_text("Mondays at 06:30, America/New_York; site example.org, 7 days")
    tab.reload()
    expect(row).to_contain_text(re.compile(r"Mon .* 06:30\s*New York"))
    row.get_by_role("button", name=re.compile("Change")).click()
    changed = tab.get_by_role("form", name="Change the schedule")
    changed.get_by_label("Time of day").fill("18:00")
    changed.get_by_role("button", name="Save the change").click()
    expect(row).to_contain_text("Mondays at 18:00")
    row.get_by_role("button", name=re.compile("Pause")).click()
    expect(row).to_contain_text("paused")
    expect(row).to_contain_text("Not due.")
    row.get_by_role("button", name=re.compile("Resume")).click()
    expect(row).to_contain_text(re.compile("in [0-9]"))
    assert violations(tab) == []
    # removing is asked twice, and the first answer at hand keeps it
    row.get_by_role("button", name=re.compile("Remove")).click()
    expect(row.get_by_role("button", name="Keep it")).to_be_focused()
    tab.keyboard.press("Enter")
    row.get_by_role("button", name=re.compile("Remove")).click()
    row.get_by_role("button", name="Yes, remove it").click()
    expect(tab.get_by_text("Nothing runs by itself yet")).to_be_visible()
    # the zone that was refused is all that the browser complained about
    assert ["400 (Bad Request)" in problem for problem in problems] == [True]


@pytest.mark.filterwarnings("default:THE BROWSER JOURNEY")
def test_no_page_needs_what_the_content_policy_refuses(page: tuple[Page, Problems]) -> None:
    tab, problems = page
    policy = tab.request.get(tab.url).headers["content-security-policy"]
    assert "unsafe" not in policy
    refused: list[str] = []

    def note(what: str) -> None:
        refused.append(what)

    tab.expose_function("noteRefused", note)
    tab.add_init_script(
        "addEventListener('securitypolicyviolation',"
        " (event) => noteRefused(`${event.violatedDirective} ${event.blockedURI}`))"
    )
    tab.reload()
    rail = tab.get_by_role("navigation", name="Main", exact=True)
    places = rail.locator("ul:first-of-type a")
    expect(places.nth(13)).to_be_attached()
    topic = rail.get_by_role("list", name="Moving now").get_by_role("link").first
    for link in [*places.all(), topic, places.first]:
        link.click()
        expect(tab.locator("main :is(h1, h2)").first).to_be_visible()
        expect(tab.get_by_role("status").filter(has_text="Loading")).to_have_count(0)
    assert refused == []
    assert problems == []
    # the recorder works: what the policy forbids is refused, and told
    tab.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">x</p>')")
    expect(tab.locator("body > p").last).to_have_css(
        "color", tab.locator("body").evaluate("e => getComputedStyle(e).color")
    )
    assert any("style-src" in one for one in refused)


@pytest.mark.filterwarnings("default:THE BROWSER JOURNEY")
def test_every_page_and_deed_is_reached_by_the_keyboard(page: tuple[Page, Problems]) -> None:
    tab, problems = page
    tab.get_by_role("region", name="Topics by momentum").get_by_role("link").first.wait_for()
    tab.keyboard.press("g")
    tab.keyboard.press("y")
    expect(tab).to_have_url(re.compile("/system$"))
    expect(tab.get_by_role("region", name="Parts")).to_contain_text("PostgreSQL")
    expect(tab.get_by_role("region", name="Pools")).to_contain_text("groundswell")
    assert violations(tab) == []
    tab.keyboard.press("Control+k")
    box = tab.get_by_role("combobox", name="What do you want to see or do?")
    expect(box).to_be_focused()
    tab.keyboard.type("spe")
    expect(tab.get_by_role("option", selected=True)).to_contain_text("Spend")
    assert violations(tab) == []
    tab.keyboard.press("Enter")
    expect(tab).to_have_url(re.compile("/spend$"))
    expect(tab.get_by_role("heading", level=1)).to_have_text("Spend")
    assert violations(tab) == []
    # what is typed in a field is text, and Escape gives the focus back to where it was
    tab.keyboard.press("/")
    tab.keyboard.type("gy?")
    expect(tab.get_by_role("searchbox")).to_have_value("gy?")
    tab.keyboard.press("Control+k")
    expect(box).to_be_focused()
    tab.keyboard.press("Escape")
    expect(tab.get_by_role("searchbox")).to_be_focused()
    tab.get_by_role("heading", level=1).click()
    tab.keyboard.press("?")
    expect(tab.get_by_role("dialog", name="Shortcuts")).to_be_visible()
    tab.keyboard.press("Escape")
    expect(tab.get_by_role("dialog")).to_have_count(0)
    assert problems == []


@pytest.mark.filterwarnings("default:THE BROWSER JOURNEY")
def test_an_access_token_is_made_used_and_taken_back(page: tuple[Page, Problems]) -> None:
    tab, problems = page
    tab.keyboard.press("g")
    tab.keyboard.press(",")
    form = tab.get_by_role("form", name="New access token")
    form.get_by_label("Name").fill("Weekly numbers")
    form.get_by_role("button", name="Make it").click()
    secret = tab.get_by_role("status").locator("code").inner_text()
    origin, bearer = tab.evaluate("location.origin"), {"Authorization": f"Bearer {secret}"}
    assert tab.request.get(f"{origin}/api/v1/whoami", headers=bearer).json()["name"] == "Weekly numbers"
    assert violations(tab) == []
    tab.get_by_role("button", name="I have it").click()
    row = tab.get_by_role("region", name="Access tokens").get_by_role("listitem").filter(has_text="Weekly numbers")
    expect(row).to_contain_text("reads only")
    row.get_by_role("button", name=re.compile("Take back")).click()
    row.get_by_role("button", name="Yes, take it back for good").click()
    expect(row).to_have_count(0)
    assert tab.request.get(f"{origin}/api/v1/whoami", headers=bearer).status == 401
    assert problems == []


@pytest.mark.filterwarnings("default:THE BROWSER JOURNEY")
def test_a_word_that_is_longer_than_a_phone_is_wide_widens_no_page(page: tuple[Page, Problems]) -> None:
    tab, problems = page
    tab.set_viewport_size({"width": 390, "height": 844})
    platform, word = tab.evaluate("location.origin"), "groundswell" * 12
    asked = tab.request.post(f"{platform}/api/v1/agents/operator/runs", data={"question": word})
    run = f"/runs/{asked.json()['id']}"
    tab.goto(platform + run)
    expect(tab.get_by_text("no language model concluded anything")).to_be_visible(timeout=60_000)
    for address in (run, "/agents", "/reports"):
        tab.goto(platform + address)
        expect(tab.get_by_text("groundswellgroundswell").first).to_be_visible(timeout=30_000)
        assert tab.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, address
    assert problems == []
