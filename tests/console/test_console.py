"""What people do in the console, done in a real browser."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.server.harness import Served, running, tool


def asked(text: str) -> dict[str, Any]:
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]}


def ask(served: Served, mock: str, text: str) -> httpx.Response:
    """Asks a mock by its path."""
    return httpx.post(f"{served.url}/{mock}/v1/chat/completions", json=asked(text))


def said_to_curl(*arguments: str) -> str:
    """What the mock says to who asks by curl."""
    ran = subprocess.run(["curl", "-s", "--noproxy", "*", *arguments], capture_output=True, check=True)
    said: str = json.loads(ran.stdout)["choices"][0]["message"]["content"]
    return said


def editor(page: Page) -> Locator:
    return page.get_by_role("textbox", name=re.compile("^Script of [a-z]+$"))


def write(page: Page, script: str) -> None:
    editor(page).click()
    page.keyboard.press("Control+a")
    page.keyboard.type(script)


def save(page: Page) -> None:
    page.keyboard.press("Control+s")
    expect(page.get_by_text("saved and served")).to_be_visible()


def requests(page: Page) -> Locator:
    return page.get_by_role("listbox", name="Requests").get_by_role("option")


def frames(page: Page) -> list[str]:
    """The texts of the frames of the answer, decoded."""
    rows = page.get_by_role("listbox", name="Frames").get_by_role("option").all_inner_texts()
    return [row.split("\n")[-1] for row in rows]


def test_from_a_name_to_an_answer(page: Page, served: Served, folder: Path) -> None:
    page.get_by_placeholder("Name of a new mock").fill("shop")
    page.keyboard.press("Enter")
    expect(editor(page)).to_contain_text("otherwise reply")

    write(page, 'when usr mentions "price" reply "Ten."\n')
    findings = page.locator("[data-findings]")
    expect(findings).to_contain_text("E201 unknown field `usr`")
    expect(findings).to_contain_text("did you mean `user`?")
    page.keyboard.press("Control+s")
    expect(page.get_by_text("The script has an error.")).to_be_visible()
    assert "usr" not in (folder / "shop.llmock").read_text()

    write(page, 'when user mentions "price" reply "Ten."\n')
    expect(page.get_by_text("No mistakes")).to_be_visible()
    save(page)
    assert (folder / "shop.llmock").read_text() == 'when user mentions "price" reply "Ten."\n'

    page.get_by_role("link", name="Requests").click()
    expect(page.get_by_text("No request yet")).to_be_visible()
    url = f"http://shop.localhost:{served.address[1]}/v1/chat/completions"
    body = json.dumps(asked("What is the price?"))
    assert said_to_curl(url, "-H", "content-type: application/json", "-d", body) == "Ten."
    entry = requests(page)
    expect(entry).to_contain_text("shop.llmock:1")
    entry.click()
    expect(page.get_by_label(re.compile("^Request [0-9]+$"))).to_contain_text("What is the price?")
    expect(page.locator("[data-why]")).to_contain_text("shop.llmock:1 answers")


def test_what_is_there_to_copy_works_as_it_stands(page: Page) -> None:
    card = page.get_by_role("region", name="hello")
    card.get_by_text("curl").click()
    for where, url in (("by path", "/hello/v1/"), ("by subdomain", "//hello.localhost:")):
        card.get_by_text(where).click()
        expect(card.locator("pre")).to_contain_text(url)
        assert said_to_curl(*shlex.split(card.locator("pre").inner_text().replace("\\\n", " "))[1:]) == "Hello!"


def test_words_are_completed_and_coloured(page: Page) -> None:
    page.get_by_role("link", name="Script").first.click()
    write(page, "wh")
    offered = page.locator(".cm-tooltip-autocomplete").get_by_role("option")
    expect(offered.first).to_have_text("when")
    offered.first.click()
    page.keyboard.type(" us")
    expect(offered.first).to_have_text("user")
    offered.first.click()
    page.keyboard.type(' is "x" rep')
    expect(offered.filter(has_text=re.compile("^reply$"))).to_be_visible()
    page.keyboard.type('ly "y"')
    expect(page.locator(".cm-line").first).to_have_text('when user is "x" reply "y"')
    expect(page.locator(".cm-line > span", has_text=re.compile("^reply$"))).to_be_visible()
    colours = page.locator(".cm-line > span").evaluate_all(
        "spans => Object.fromEntries(spans.map((span) => [span.textContent.trim(), getComputedStyle(span).color]))"
    )
    assert colours["reply"] == colours["when"] != colours["user"]
    save(page)


def test_a_miss_becomes_a_rule(page: Page, served: Served) -> None:
    assert ask(served, "hello", "Where is it?").status_code == 404
    page.get_by_role("link", name="Requests").click()
    requests(page).filter(has_text="no rule").click()
    page.get_by_role("button", name="Add this rule to the script").click()
    expect(editor(page)).to_contain_text('when user is "Where is it?"')
    page.keyboard.insert_text("Over there.")
    save(page)
    assert ask(served, "hello", "Where is it?").json()["choices"][0]["message"]["content"] == "Over there."
    assert ask(served, "hello", "hello").status_code == 200


def test_a_stream_becomes_a_test(page: Page) -> None:
    page.get_by_role("link", name="Try it").first.click()
    page.get_by_label("User").fill("hello")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-ending]")).to_have_text("complete · 6 frames")
    assert frames(page) == ["role assistant", "Hel", "lo", "!", "stop", "[DONE]"]
    expect(page.locator("[data-said]")).to_have_text("Hello!")
    expect(page.locator("[data-answered]")).to_contain_text("greet answered, at hello.llmock:1")
    expect(page.locator(".cm-answered")).to_have_count(4)
    expect(page.get_by_role("img", name=re.compile("^6 frames in .*plan of 3 chunks"))).to_be_visible()

    page.get_by_role("button", name="Save as expected").click()
    page.get_by_role("button", name="Check again").click()
    expect(page.locator("[data-verdict]")).to_contain_text("the same sequence again")

    page.get_by_role("button", name="Add test to script").click()
    expect(editor(page)).to_contain_text('text is "Hello!" and finish is stop and chunks is 3')
    page.get_by_role("button", name="Run tests").click()
    expect(page.get_by_text("1 passed, 0 failed")).to_be_visible()
    save(page)


def test_a_copied_test_is_run(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("link", name="Try it").first.click()
    page.get_by_text("JSON", exact=True).click()
    page.get_by_label("User").fill("hello")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("[data-answered]")).to_contain_text("greet answered")
    page.get_by_role("button", name="Copy as test").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    page.get_by_role("link", name="Script").click()
    editor(page).click()
    page.keyboard.press("Control+End")
    page.keyboard.press("Control+v")
    expect(editor(page)).to_contain_text('test "answers hello')
    page.get_by_role("button", name="Run tests").click()
    expect(page.get_by_text("1 passed, 0 failed")).to_be_visible()
    write(page, 'test "no" { request { user: "hello" }; expect text is "Nothing" }')
    page.get_by_role("button", name="Run tests").click()
    expect(page.get_by_text("0 passed, 1 failed")).to_be_visible()
    save(page)


def test_a_sequence_that_has_changed(page: Page) -> None:
    page.goto(page.url.split("#")[0] + "#try/hello")
    page.get_by_label("User").fill("hello")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("[data-ending]")).to_contain_text("complete")
    page.get_by_role("button", name="Save as expected").click()
    page.get_by_role("link", name="Script").click()
    write(page, 'when user mentions "hello" { chunk "Hel"; chunk "p" }')
    save(page)
    page.get_by_role("link", name="Try it").click()
    page.get_by_role("button", name="Check again").click()
    expect(page.locator("[data-verdict]")).to_contain_text("Frame 3: expected “text: lo”, came “text: p”")


def test_a_conversation_on_a_websocket(page: Page) -> None:
    page.get_by_role("link", name="Try it").first.click()
    page.get_by_text("WebSocket", exact=True).click()
    page.get_by_label("User").fill("hello")
    page.get_by_role("button", name="Connect and send").click()
    expect(page.get_by_role("option", name=re.compile("DONE"))).to_be_visible()
    page.get_by_text("Raw JSON").click()
    page.get_by_role("textbox", name="Body of the request").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text('{"role": "user", "content": "and now?"}')
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-said]")).to_have_text("Turn 2.")
    expect(page.locator("[data-answered]")).to_contain_text("count answered")
    page.get_by_text("Turn 1", exact=True).click()
    expect(page.locator("[data-said]")).to_have_text("Hello!")
    page.get_by_role("button", name="Close socket").click()
    expect(page.locator("[data-ending]")).to_contain_text("closed 1000")

    page.get_by_role("button", name="Add test to script").click()
    expect(editor(page)).to_contain_text('connect "/v1/chat"')
    page.get_by_role("button", name="Run tests").click()
    expect(page.get_by_text("1 passed, 0 failed")).to_be_visible()
    save(page)


def test_a_journal_of_thousands_has_few_rows_in_the_page(page: Page, served: Served) -> None:
    page.get_by_role("link", name="Requests").click()
    with httpx.Client() as client:
        for _ in range(1_000):
            client.get(f"{served.url}/hello/v1/models")
    expect(page.locator("[data-count]")).to_have_text("1,000 of 1,000")
    assert requests(page).count() < 100
    page.get_by_role("listbox", name="Requests").focus()
    page.keyboard.press("End")
    expect(requests(page).and_(page.get_by_role("option", selected=True))).to_be_visible()
    page.get_by_placeholder("Filter").fill("nothing like it")
    expect(page.get_by_text("Nothing like this")).to_be_visible()


LIVE = re.compile("/-/journal/live")
READ = re.compile("/-/journal[?]brief")


def test_it_comes_back_after_the_journal_was_refused(page: Page, served: Served) -> None:
    for address in (LIVE, READ):
        page.route(
            address, lambda route: route.fulfill(status=503, json={"error": {"message": "Not now."}}), times=1
        )
    page.goto(f"{served.url}/-/#requests")
    page.reload()
    ask(served, "hello", "hello")
    expect(requests(page)).to_have_count(1, timeout=20_000)
    with page.expect_request(LIVE):
        page.route(LIVE, lambda route: route.fulfill(status=503), times=1)
        page.route(READ, lambda route: route.fulfill(status=503, json={"error": {"message": "Not now."}}), times=2)
        page.reload()
    ask(served, "hello", "hello")
    expect(requests(page)).to_have_count(2, timeout=20_000)


def test_what_arrives_while_it_catches_up_is_not_lost(page: Page, served: Served) -> None:
    """Too much came at once, so it reads the whole journal; the next request comes while that is read."""
    ask(served, "hello", "hello")
    page.add_init_script(
        "EventSource = class extends EventSource { constructor(url) { super(url); globalThis.live = this; } }"
    )
    page.goto(f"{served.url}/-/#requests")
    page.reload()
    expect(requests(page)).to_have_count(1)
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    held: list[Route] = []
    page.route(READ, lambda route: held.append(route), times=1)
    page.evaluate("live.dispatchEvent(new MessageEvent('missed', { data: '{}' }))")
    while not held:
        page.wait_for_timeout(20)
    read = held[0].fetch()
    ask(served, "hello", "and now?")
    expect(requests(page).filter(has_text="count")).to_contain_text("ms")  # it is here before what was read
    journal = read.json()
    journal["entries"].append({**journal["entries"][-1], "id": 0, "rule": "read again"})
    held[0].fulfill(response=read, json=journal)
    expect(requests(page).filter(has_text="read again")).to_be_visible()
    assert requests(page).filter(has_text="count").count() == 1


def test_an_address_and_a_memory_that_no_page_has_written(page: Page, served: Served) -> None:
    page.evaluate("localStorage.setItem('mockllm.expected', '{')")
    page.goto(f"{served.url}/-/#script/%")
    page.reload()
    expect(editor(page)).to_be_visible()


def test_sessions_move(page: Page, served: Served, folder: Path) -> None:
    script = (
        'scenario order { state open { when user mentions "pay" { reply "Paid."; go paid } } state paid { '
        'when user matches /my name is (?<name>\\w+)/ { remember name = "{{ name }}"; reply "Noted." } } }\n'
    )
    httpx.put(f"{served.url}/-/mocks/hello", json={"script": script}).raise_for_status()
    page.get_by_role("link", name="Sessions").first.click()
    expect(page.get_by_text("Nothing is remembered yet")).to_be_visible()
    ask(served, "hello", "I pay")
    state = page.get_by_label("State of order")
    expect(state).to_have_value("paid")
    ask(served, "hello", "my name is Ada")
    expect(page.get_by_role("row", name="memory.name")).to_contain_text("Ada")
    state.select_option("open")
    expect(state).to_have_value("open")
    assert ask(served, "hello", "I pay").json()["choices"][0]["message"]["content"] == "Paid."


def test_what_a_scenario_remembers_for_each(page: Page, served: Served) -> None:
    script = (
        'scenario order by user { state open { when user { remember said = "{{ user }}"; reply "Noted." } } }\n'
    )
    httpx.put(f"{served.url}/-/mocks/hello", json={"script": script}).raise_for_status()
    for text in ("seven", "eight"):
        ask(served, "hello", text)
    page.goto(f"{served.url}/-/#sessions/hello")
    for text in ("seven", "eight"):
        expect(page.get_by_role("row", name=f"memory.said by {text}")).to_contain_text(f'"{text}"')
    page.get_by_role("button", name="Forget everything").click()
    expect(page.get_by_role("button", name="Keep")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("row", name="memory.said by seven")).to_be_visible()
    page.get_by_role("button", name="Forget everything").click()
    page.get_by_role("button", name="Forget the sessions of all mocks").click()
    expect(page.get_by_text("Nothing is remembered yet")).to_be_visible()


# What has the focus, and whether that can be seen: by an outline of its own, or of what it is drawn as.
FOCUSED = """() => {
    const at = document.activeElement;
    if (at === document.body) return null;
    const outlined = (each) => each && getComputedStyle(each).outlineStyle !== "none";
    const editor = at.closest(".editor");
    const shown = editor ? getComputedStyle(editor).borderTopColor !== "rgba(0, 0, 0, 0)"
        : outlined(at) || (at.type === "radio" && outlined(at.nextElementSibling));
    const all = [...document.querySelectorAll("a[href], button, input, select, textarea, [tabindex='0']")];
    return { index: all.indexOf(at), shown, inEditor: editor !== null, what: at.outerHTML.slice(0, 200) };
}"""
REACHABLE = """() => {
    const all = [...document.querySelectorAll("a[href], button, input, select, textarea, [tabindex='0']")];
    const wanted = (each) => each.checkVisibility() && !each.disabled && each.type !== "radio";
    return all.map((each, index) => ({ index, what: each.outerHTML.slice(0, 200), wanted: wanted(each) }))
        .filter((each) => each.wanted);
}"""


# What each view has when it is there.
READY = {
    "mocks": "section.mock",
    "script": ".cm-focused",
    "try": "[data-answered] a",
    "requests": "[role=option]",
    "requests/1": "[data-why]",
    "sessions": ".sessions",
}


@pytest.mark.parametrize("view", READY)
def test_everything_is_reached_by_the_keyboard_and_seen(page: Page, served: Served, view: str) -> None:
    ask(served, "hello", "hello")
    page.goto(f"{served.url}/-/#{view}")
    page.reload()
    if view == "try":
        page.get_by_role("button", name="Send").click()
    expect(page.locator(READY[view]).first).to_be_visible()
    reached: set[int] = set()
    for _ in range(100):
        focused = page.evaluate(FOCUSED)
        if focused is not None and focused["inEditor"]:
            page.keyboard.press("Escape")  # for an editor Tab is a key like others
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused is None:  # behind the last one
            continue
        assert focused["shown"], focused["what"]
        if focused["index"] in reached:
            break
        reached.add(focused["index"])
    assert [each["what"] for each in page.evaluate(REACHABLE) if each["index"] not in reached] == []


def test_a_request_is_opened_compared_and_closed_by_the_keyboard(page: Page, served: Served) -> None:
    for text in ("hello", "a miss"):
        ask(served, "hello", text)
    page.keyboard.press("4")
    listed = page.get_by_role("listbox", name="Requests")
    expect(requests(page)).to_have_count(2)
    listed.focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Request 2")).to_contain_text("No rule holds")
    page.get_by_role("button", name="Compare with…").press("Enter")
    expect(listed).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("textbox", name="Differences")).to_contain_text("a miss")
    page.keyboard.press("Escape")
    expect(page.get_by_label("Request 2")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_label("Request 2")).to_have_count(0)
    expect(listed).to_be_focused()


def test_a_server_with_a_token(browser: Browser, folder: Path) -> None:
    with running([tool("mockllm"), "serve", str(folder), "--port", "0"], {"MOCKLLM_TOKEN": "let-me-in"}) as served:
        page = browser.new_page()
        page.goto(f"{served.url}/-/")
        page.get_by_label("Token").fill("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("not the server's token")
        page.get_by_label("Token").fill("let-me-in")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="hello")).to_be_visible()
        page.close()
        page = browser.new_page()
        page.goto(f"{served.url}/-/#token=let-me-in")
        expect(page.get_by_role("heading", name="hello")).to_be_visible()
        assert "let-me-in" not in page.url
        page.close()


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_everybody_can_use_it(browser: Browser, served: Served, colours: str) -> None:
    """By axe's rules, which are those of WCAG: contrast, names, roles, order; on a desktop and on a phone."""
    long = "a-name-as-long-as-" + "-".join(["names"] * 7)
    httpx.put(f"{served.url}/-/mocks/{long}", json={"script": 'otherwise reply "x"'}).raise_for_status()
    ask(served, "hello", "hello")
    ask(served, "hello", "a miss")
    context = browser.new_context(color_scheme="dark" if colours == "dark" else "light", bypass_csp=True)
    page = context.new_page()
    for width in (1360, 390):
        page.set_viewport_size({"width": width, "height": 844})
        for view in ("mocks", "script", "try", "requests", "requests/2", "sessions"):
            page.goto(f"{served.url}/-/#{view}")
            expect(page.get_by_role("heading", level=1)).to_be_attached()
            if view == "requests/2":
                expect(page.get_by_role("button", name="Add this rule")).to_be_visible()
            if view == "mocks":
                page.get_by_role("button", name=re.compile("^Delete")).first.click()
            wide = "[document.documentElement, document.querySelector('main')].map((each) => each.scrollWidth)"
            assert max(page.evaluate(wide)) <= width
            edges = (
                "[...document.querySelector('.top').children].map((each) => each.getBoundingClientRect().right)"
            )
            assert max(page.evaluate(edges)) <= width
            if width > 390:  # the same things, in another place
                found = Axe().run(page).response["violations"]
                assert [(each["id"], each["nodes"][0]["target"]) for each in found] == [], view
    context.close()
