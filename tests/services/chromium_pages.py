"""Looks at pages with a real Chromium, as `test_pages_in_chromium.py` asks; runs in an environment of its own.

Asked on stdin, one JSON document: `browser`, `base`, `pages` (name to path), `looks` (scheme and width), `folder` for
pictures, and `heights` of those that are higher than a window. Answers on stdout, one JSON list: for each page and look
what was found.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

HEIGHT = 900
FIGURES = """() => [...document.querySelectorAll("data")].map(
    one => ({of: one.dataset.of, at: one.dataset.at, value: one.value, text: one.innerText.trim()}))"""
# What is wider than the window makes the whole page scroll sideways.
TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
# The first stop of the keyboard, and whether one can see that it is there.
FOCUS = """() => { const one = document.activeElement, place = one.getBoundingClientRect();
    return {href: one.getAttribute("href"), outline: getComputedStyle(one).outlineStyle, top: place.top}; }"""


def look(browser: Browser, asked: dict[str, Any], scheme: str, width: int) -> list[dict[str, Any]]:
    context = browser.new_context(viewport={"width": width, "height": HEIGHT}, color_scheme=scheme)
    outside: list[str] = []

    def only_ours(route: Any) -> None:
        if route.request.url.startswith(asked["base"] + "/"):
            route.continue_()
        else:
            outside.append(route.request.url)
            route.abort()

    context.route("**/*", only_ours)
    found = []
    for name, path in asked["pages"].items():
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message, said=said: said.append(message.text))
        page.on("pageerror", lambda error, said=said: said.append(str(error)))
        status = page.goto(asked["base"] + path).status
        folder, most = Path(asked["folder"]), asked["heights"].get(name, HEIGHT)
        page.screenshot(path=folder / f"{name}-{scheme}-{width}.png", full_page=True, clip=top(page, width, most))
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        for details in page.locator("summary").all():
            details.click()
        axe = Axe().run(page).response
        found.append(
            {
                "page": name,
                "scheme": scheme,
                "width": width,
                "status": status,
                "figures": page.evaluate(FIGURES),
                "too_wide": page.evaluate(TOO_WIDE),
                "said": said,
                "focus": focus,
                "background": page.evaluate("() => getComputedStyle(document.body).backgroundColor"),
                "violations": [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in axe["violations"]],
                "rules_kept": len(axe["passes"]),
            }
        )
        page.close()
    context.close()
    return [one | {"outside": outside} for one in found]


def top(page: Page, width: int, most: int) -> dict[str, float]:
    """The page down to its end, or as far as its picture should go."""
    height = page.evaluate("() => document.documentElement.scrollHeight")
    return {"x": 0, "y": 0, "width": width, "height": min(height, most)}


def main() -> None:
    asked = json.load(sys.stdin)
    with sync_playwright() as started:
        # What is not on this machine cannot be reached, whatever a page asks for.
        arguments = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        browser = started.chromium.launch(executable_path=asked["browser"], args=arguments)
        print(json.dumps([one for scheme, width in asked["looks"] for one in look(browser, asked, scheme, width)]))
        browser.close()


if __name__ == "__main__":
    main()
