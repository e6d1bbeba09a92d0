"""A page in a headless Chromium, by its own protocol: what it logs, loads and looks like."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    """One tab. Commands are answered in order; events are kept."""

    def __init__(self, socket: Any) -> None:
        self.socket, self.count, self.events = socket, 0, []

    def do(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self.count += 1
        self.socket.send(json.dumps({"id": self.count, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("id") == self.count:
                assert "error" not in message, message
                return message["result"]
            self.events.append(message)

    def evaluate(self, code: str) -> Any:
        """Return the value of an expression in the page."""
        found = self.do("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def open(self, page: Path, width: int) -> None:
        """Open a file at a width in pixels, and wait until it and its pictures are there."""
        self.events.clear()
        mobile = width < 600
        self.do("Emulation.setDeviceMetricsOverride", width=width, height=900,
                deviceScaleFactor=1, mobile=mobile)  # fmt: skip
        self.do("Page.navigate", url=page.resolve().as_uri())
        while self.evaluate("document.readyState") != "complete":
            time.sleep(0.05)
        # Pictures that wait to be scrolled to are loaded now.
        self.evaluate(
            "Promise.all([...document.images].map(i => { i.loading = 'eager';"
            " return i.decode().catch(() => null); }))"
        )

    def complaints(self) -> list[str]:
        """Return errors and warnings of the console, failed loads and uncaught exceptions."""
        found = []
        for event in self.events:
            method, given = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(str(given["exceptionDetails"].get("text")))
            elif method == "Runtime.consoleAPICalled" and given["type"] in ("error", "warning"):
                found.append(str(given["args"]))
            elif method == "Log.entryAdded" and given["entry"]["level"] in ("error", "warning"):
                found.append(given["entry"]["text"])
            elif method == "Network.loadingFailed":
                found.append(str(given))
            elif method == "Network.requestWillBeSent":
                url = given["request"]["url"]
                if not url.startswith(("file:", "data:")):
                    found.append(f"asks the network for {url}")
        return found

    def broken_pictures(self) -> list[str]:
        """Return the sources of pictures without pixels."""
        return self.evaluate(
            "[...document.images].filter(i => !i.naturalWidth).map(i => i.src.slice(0, 200))"
        )

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        return self.evaluate("document.documentElement.scrollWidth - window.innerWidth")

    def smallest_text(self) -> float:
        """Return the smallest size of running text, in pixels."""
        return self.evaluate(
            "Math.min(...[...document.querySelectorAll('p, li, td, th, figcaption')]"
            ".filter(e => e.textContent.trim() && e.offsetParent)"
            ".map(e => parseFloat(getComputedStyle(e).fontSize)))"
        )

    def screenshot(self, path: Path, height: int | None = None) -> None:
        """Save the page, whole or its first pixels."""
        tall = height or self.evaluate("document.documentElement.scrollHeight")
        wide = self.evaluate("window.innerWidth")
        clip = {"x": 0, "y": 0, "width": wide, "height": min(tall, 16000), "scale": 1}
        data = self.do("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(data))


@contextmanager
def browser() -> Iterator[Browser]:
    """Start Chromium and yield a tab."""
    from websockets.sync.client import connect

    assert CHROMIUM
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        running = subprocess.Popen(
            [
                CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
                "--disable-dev-shm-usage", "--disable-background-networking",
                "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            port = Path(profile) / "DevToolsActivePort"
            while not (port.exists() and len(port.read_text().split()) == 2):
                assert running.poll() is None, "chromium ended"
                time.sleep(0.05)
            number, path = port.read_text().split()
            # No limit of time: a machine may have other work.
            patient = {"max_size": None, "open_timeout": None, "ping_interval": None}
            with connect(f"ws://127.0.0.1:{number}{path}", **patient) as socket:
                top = Browser(socket)
                target = top.do("Target.createTarget", url="about:blank")["targetId"]
                address = f"ws://127.0.0.1:{number}/devtools/page/{target}"
                with connect(address, **patient) as page:
                    tab = Browser(page)
                    for domain in ("Page", "Runtime", "Log", "Network"):
                        tab.do(f"{domain}.enable")
                    yield tab
        finally:
            running.terminate()
            running.wait()
