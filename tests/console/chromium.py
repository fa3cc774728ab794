"""Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Playwright


@contextmanager
def launched(playwright: Playwright) -> Iterator[Browser]:
    found = shutil.which("chromium")
    assert found, "there is no Chromium: scripts/system-packages installs it"
    # Chromium's sandbox does not work for root, which everybody is in CI; it sees nothing but pages of our own.
    browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
    try:
        yield browser
    finally:
        browser.close()
