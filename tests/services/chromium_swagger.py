"""Opens `/docs` in a real Chromium, as `test_pages_in_chromium.py` asks; runs in an environment of its own.

    chromium_swagger.py BROWSER BASE

Answers on stdout, one JSON document: the operations that are shown, what was asked of other hosts, and what went wrong.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from playwright.sync_api import sync_playwright


def main(browser: str, base: str) -> None:
    outside: list[str] = []
    wrong: list[str] = []

    def only_ours(route: Any) -> None:
        if route.request.url.startswith((base + "/", "data:")):
            route.continue_()
        else:
            outside.append(route.request.url)
            route.abort()

    with sync_playwright() as started:
        page = started.chromium.launch(executable_path=browser, args=["--no-sandbox"]).new_page()
        page.route("**/*", only_ours)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(base + "/docs")
        page.wait_for_selector(".opblock")
        page.click(".opblock-summary-control")
        page.wait_for_selector(".opblock-body")
        shown = page.locator(".opblock-summary-path").evaluate_all("all => all.map(one => one.dataset.path)")
        print(json.dumps({"shown": shown, "outside": outside, "wrong": wrong}))


if __name__ == "__main__":
    main(*sys.argv[1:])
