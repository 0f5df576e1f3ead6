"""What H5Web shows of nodes of a file, in JupyterLab and Debian's Chromium: ``h5web.py FILE FOLDER PATH...``.

Prints JSON: for each path the text of the display and of the inspector. FOLDER gets pictures of both; ``-``: none.
It runs in the environment of the viewers, which has neither aerchive nor Qiskit.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

_FLAGS = [
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1600,900"),
    *("--disable-background-networking", "--disable-component-update"),
]
_SETTLED_S = 3.0
_MOST_S = 60


@contextmanager
def laboratory(folder: Path, home: Path) -> Iterator[str]:
    """JupyterLab that serves a folder; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--no-browser", "--ip=127.0.0.1", f"--port={port}", f"--ServerApp.root_dir={folder}", "--allow-root"]
    options += ["--IdentityProvider.token=", "--ServerApp.password="]
    with (home / "jupyter.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            env={**os.environ, "HOME": str(home), "JUPYTER_PLATFORM_DIRS": "1"},
            stdout=log,
            stderr=log,
        )
        address = f"http://127.0.0.1:{port}"
        try:
            end = time.monotonic() + _MOST_S
            while True:
                try:
                    urllib.request.urlopen(f"{address}/api/status")
                    break
                except OSError:
                    if time.monotonic() > end:
                        raise
                    time.sleep(0.5)
            yield address
        finally:
            server.terminate()
            server.wait()


class H5Web:
    """H5Web with one file open."""

    def __init__(self, address: str, name: str, profile: Path) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = str(shutil.which("chromium"))
        for flag in (*_FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        self._page = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        self._page.implicitly_wait(0)
        self._page.get(f"{address}/lab?reset")
        self._open(name)
        with suppress(Exception):  # the question about news hides a part of the display
            self._page.find_element(By.XPATH, "//button[normalize-space()='No']").click()

    def _open(self, name: str) -> None:
        end = time.monotonic() + _MOST_S
        while True:
            try:
                item = self._wait(f"//*[contains(@class, 'jp-DirListing-item')][.//*[text()='{name}']]")
                ActionChains(self._page).double_click(item).perform()
                self._wait("//*[@role='treeitem' and @data-path='/']")
                return
            except WebDriverException:  # the list of files was not drawn yet
                if time.monotonic() > end:
                    raise
                time.sleep(1)

    def _wait(self, xpath: str):
        return WebDriverWait(self._page, _MOST_S).until(lambda page: page.find_element(By.XPATH, xpath))

    def _item(self, path: str):
        return self._wait(f"//*[@role='treeitem' and @data-path='{path}']")

    def show(self, path: str, picture: Path | None) -> dict[str, str]:
        """Selects a node, and returns the texts that are seen."""
        parts = path.strip("/").split("/")
        for number in range(1, len(parts)):
            parent = self._item("/" + "/".join(parts[:number]))
            if parent.get_attribute("aria-expanded") == "false":
                self._click(parent)
                time.sleep(0.3)
        self._click(self._item(path))
        time.sleep(_SETTLED_S)
        texts = {"display": self._text()}
        if picture is not None:
            self._page.save_screenshot(str(picture))
        self._press("Inspect")
        time.sleep(0.5)
        texts["inspect"] = self._text()
        if picture is not None:
            self._page.save_screenshot(str(picture.with_name(f"{picture.stem}-inspect.png")))
        self._press("Display")
        return texts

    def _click(self, element) -> None:
        self._page.execute_script("arguments[0].scrollIntoView({block: 'center'}); arguments[0].click()", element)

    def _press(self, label: str) -> None:
        self._click(self._page.find_element(By.XPATH, f"//button[normalize-space()='{label}']"))

    def _text(self) -> str:
        return self._page.execute_script("return document.querySelector('#jp-main-dock-panel').innerText")

    def close(self) -> None:
        """Ends the browser."""
        self._page.quit()


def main(file: str, folder: str, paths: list[str]) -> dict[str, dict[str, str]]:
    """Shows the nodes, one after another."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        served = Path(home, "files")
        served.mkdir()
        copy = Path(shutil.copy(file, served))
        with laboratory(served, Path(home)) as address:
            viewer = H5Web(address, copy.name, Path(home, "profile"))
            try:
                found = {}
                for number, path in enumerate(paths):
                    name = f"h5web-{number:02d}{path.replace('/', '-')}"[:120]
                    found[path] = viewer.show(path, None if folder == "-" else Path(folder, f"{name}.png"))
                return found
            finally:
                viewer.close()


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], sys.argv[3:])))
