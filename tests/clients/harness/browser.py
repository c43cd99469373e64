"""A headless Chromium, driven over its debugging pipe: JSON commands and events, each ended by a zero byte.

No driver and no library: the protocol is https://chromedevtools.github.io/devtools-protocol/. Whatever a page logs as
an error or a warning, and every exception, is collected in `complaints`.
By hand: tests/clients/run page.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import time

from harness import install
from harness.report import Failure

ANSWER_SECONDS = 30
NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
# No sandbox of its own, since tests run as root; nothing that asks the network for anything.
OPTIONS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
]


def find():
    """The browser's path; installed from Debian when there is none."""
    if not any(map(shutil.which, NAMES)):
        install.debian_package("chromium", "no Chromium on PATH")
    return next(filter(None, map(shutil.which, NAMES)))


class Browser:
    def __init__(self, home, log):
        commands, events = os.pipe(), os.pipe()

        def pass_pipes():
            # The browser reads commands from descriptor 3 and writes to 4; copied aside first, as either may be the other.
            reads, writes = os.dup(commands[0]), os.dup(events[1])
            os.dup2(reads, 3)
            os.dup2(writes, 4)

        with open(log, "ab") as stderr:
            self.child = subprocess.Popen(
                [find(), *OPTIONS, f"--user-data-dir={home}", "about:blank"], preexec_fn=pass_pipes, close_fds=False,
                stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
            )
        os.close(commands[0])
        os.close(events[1])
        self.commands, self.events = commands[1], events[0]
        self.rest, self.last_id, self.session, self.complaints = b"", 0, None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ["Page", "Runtime", "Log"]:
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        """Sends a command and waits for its answer; events that come meanwhile are looked at."""
        self.last_id += 1
        message = {"id": self.last_id, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            event = self.receive(deadline - time.monotonic())
            if event.get("id") == self.last_id:
                if "error" in event:
                    raise Failure(f"{method}: {event['error']['message']}")
                return event["result"]
            self.note(event)

    def receive(self, seconds):
        while b"\0" not in self.rest:
            if not select.select([self.events], [], [], max(0, seconds))[0]:
                raise Failure(f"the browser did not answer within {ANSWER_SECONDS} s")
            got = os.read(self.events, 1 << 20)
            if not got:
                raise Failure("the browser has ended")
            self.rest += got
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def note(self, event):
        params = event.get("params", {})
        match event.get("method"):
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
                self.complaints.append(" ".join(str(arg.get("value", arg.get("description"))) for arg in params["args"]))
            case "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                self.complaints.append(details.get("exception", {}).get("description", details["text"]))
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                self.complaints.append(params["entry"]["text"])

    def open(self, url):
        error = self.call("Page.navigate", url=url).get("errorText")
        if error:
            raise Failure(f"{url}: {error}")
        self.wait_until("document.readyState === 'complete' && location.protocol !== 'about:'")

    def evaluate(self, expression):
        """The value of a JavaScript expression."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise Failure(f"{expression}: {answer['exceptionDetails'].get('exception', {}).get('description')}")
        return answer["result"].get("value")

    def wait_until(self, expression, seconds=ANSWER_SECONDS):
        """Until an expression is true; what it is otherwise is said."""
        deadline = time.monotonic() + seconds
        while not (value := self.evaluate(expression)):
            if time.monotonic() > deadline:
                raise Failure(f"this did not come true within {seconds} s: {expression}, but is {value!r}")
            time.sleep(0.1)
        return value

    def look_as(self, width, height, scheme, scale=1, is_phone=False):
        """The size of the window, and whether its user likes it light or dark."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=is_phone)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def screenshot(self, path, whole=True):
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))

    def close(self):
        self.child.kill()
        self.child.wait()
        os.close(self.commands)
        os.close(self.events)
