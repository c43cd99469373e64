"""The live page in a real browser, and /metrics through Prometheus' own parser, while stock clients are at work.

The page loads and asks for nothing elsewhere, its numbers move, it logs no error, it fits a phone, light and dark can be
read, the keyboard reaches it, it is silent while nobody looks, and a name that is HTML stays text.
By hand: tests/clients/run page; with PAGE_PICTURES=docs it draws the pictures of docs/ anew.
"""

import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

from harness import install
from harness.broker import ANY_PORT
from harness.browser import Browser
from harness.kafka import Kafka
from harness.report import Failure, Skip
from harness.suite import eventually, expect
from harness.tools import Tools

LISTENING = re.compile(r" page=(http://\S+)/ ")
DRAWS = "PAGE_PICTURES" in os.environ
# A group's name and a client's; as nobody should have them, unless they get into pictures.
GROUP = "audit" if DRAWS else "<img src=x onerror=document.title='broken'>"
CLIENT = "reader" if DRAWS else "<b>reader</b>"
SETTINGS = {"admin.listener": ANY_PORT, "num.partitions": 3, "log.segment.bytes": (4 if not DRAWS else 12) << 20}
LIVE = "document.getElementById('status').dataset.state === 'live'"
PHONES = [320, 360, 400]
TEXT = ["body", "header p", ".idea", ".finding", "dt", "dd", ".legend", ".row", "td", "thead th", "a", ".note", ".keys"]
PARSE = """
import sys
from prometheus_client.parser import text_string_to_metric_families as parse
for family in parse(sys.stdin.read()):
    print(family.name, family.type, len(family.samples))
"""
# The least contrast of a text with what is behind it, as WCAG 2 works it out; AA asks for 4.5.
CONTRAST = """(selectors) => {
  const parts = (color) => color.match(/[0-9.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const color = parts(getComputedStyle(node).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const of = (node) => {
    const [a, b] = [light(parts(getComputedStyle(node).color)), light(behind(node))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  };
  const found = selectors.map((selector) => [selector, document.querySelector(selector)]);
  return found.map(([selector, node]) => [selector, node ? of(node) : 0]).sort((x, y) => x[1] - y[1])[0];
}"""


def try_page(report, launch, home):
    if launch is Kafka:
        raise Skip("Kafka has no page")
    install.kcat()
    broker = launch(home / "data", home / "broker.log", ANY_PORT, SETTINGS)
    browser, load = None, None
    try:
        url = LISTENING.search((home / "broker.log").read_text()).group(1)
        browser = Browser(home / "profile", home / "browser.stderr")
        browser.look_as(1200, 900, "light")
        with report.check("page: a broker without topics says how to make one"):
            browser.open(url)
            browser.wait_until(LIVE)
            browser.wait_until("document.getElementById('topics').textContent.includes('kcat -P -b')")
        load = Load(broker.bootstrap)
        check_numbers(report, browser, home / "data")
        check_looks(report, browser, home)
        check_manners(report, browser)
        with report.check("metrics: Prometheus' parser reads all of them"):
            parse_metrics(url)
        load.end()
        with report.attempt("page: Kafka's tools"):
            check_tools(report, Tools(install.java("Tools"), home), broker.bootstrap, url)
        with report.check("page: it says when the broker is gone, and goes on when it is back"):
            check_restart(browser, broker, launch, home, url)
    finally:
        if load:
            load.end()
        if browser:
            browser.close()
        broker.kill()


class Load:
    """Stock clients, one short-lived producer after the other and three members of two groups."""

    def __init__(self, bootstrap):
        kcat = f"kcat -b {bootstrap} -X topic.partitioner=random"
        produce = f"while seq -f '%g the quick brown fox' 3000 | {kcat} -P -t orders -X acks=all -X linger.ms=5; do :; done"
        trickle = f"while seq 50 | {kcat} -P -t clicks -X acks=1 -X linger.ms=0; do sleep 0.3; done"
        reader = ["kcat", "-b", bootstrap, "-X", "auto.offset.reset=earliest", "-X", f"client.id={CLIENT}", "-G"]
        group = [[*reader, "billing", "orders"], [*reader, "billing", "orders"], [*reader, GROUP, "orders", "clicks"]]
        self.children = [self.start(["sh", "-c", line]) for line in [produce, trickle]]
        deadline = time.monotonic() + 30
        while b"orders" not in subprocess.run(["kcat", "-b", bootstrap, "-L"], capture_output=True).stdout:
            if time.monotonic() > deadline:
                raise Failure("the topic of the load was not created")
        self.children += [self.start(command) for command in group]

    @staticmethod
    def start(command):
        nothing = subprocess.DEVNULL
        return subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True)

    def end(self):
        for child in self.children:
            try:
                os.killpg(child.pid, signal.SIGKILL)  # the group that start() made
            except ProcessLookupError:
                pass
            child.wait()
        self.children = []


def drop_pages(path):
    """Has the kernel let go of a file's pages, when they are on the disk."""
    file = os.open(path, os.O_RDONLY)
    os.fsync(file)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(file)


def check_numbers(report, browser, data):
    with report.check("page: throughput and latency move under load"):
        label = "document.querySelector('#plot-throughput svg').getAttribute('aria-label')"
        first = browser.wait_until(f"{label}.match(/in [1-9].*out [1-9]/) && {label}")
        browser.wait_until(f"{label} !== {first!r} && {label}")
        browser.wait_until("document.querySelectorAll('#plot-latency path.c0').length === 2")
        browser.wait_until("document.querySelectorAll('#plot-latency path.c1').length === 2")
    with report.check("page: batches, flushes and sendfile say what they save"):
        browser.wait_until("/1 request instead of [1-9]/.test(document.getElementById('batches').textContent)")
        browser.wait_until("/[1-9].* flushes/.test(document.getElementById('flush').textContent)")
        browser.wait_until("/^100\\s%/.test(document.getElementById('copy').textContent)")
    with report.check("page: topics are strips of segments, seen in the page cache"):
        strip = "document.querySelector('#topics .strip').getAttribute('aria-label')"
        browser.wait_until(f"/[0-9]+ segments?, offsets 0 to [0-9]+, [1-9][0-9.]*\\s% in the page cache/.test({strip})")
        paint = "getComputedStyle(document.querySelector('#topics .strip i')).backgroundImage"
        browser.wait_until(f"{paint}.startsWith('linear-gradient')")
    with report.check("page: what the kernel lets go shows as cold, what is not on the disk as dirty"):
        orders = "states[states.length - 1].topics.find((topic) => topic.name === 'orders').partitions[0]"
        base = browser.wait_until(f"{orders}.segments.length > 4 && '' + {orders}.segments.at(-4).base")
        shown = f"[...document.querySelectorAll('#topics i')].find((it) => it.title.startsWith('from offset {int(base):,}: '))"
        browser.wait_until(f"/ ([5-9][0-9][0-9.]*|100)\\s% in the page cache/.test({shown}?.title)")
        drop_pages(data / "orders-0" / f"{int(base):020}.log")
        # Of a page or two the kernel may be just then using it does not let go.
        browser.wait_until(f"/ [0-9](\\.[0-9]+)?\\s% in the page cache/.test({shown}?.title)")
        dirty = "states[states.length - 1].topics[0].partitions[0].segments[0].dirty"
        browser.wait_until(f"{dirty}.some((percent) => percent > 0)")
    with report.check("page: groups show members and lag, and names that are HTML stay text"):
        names = "[...document.querySelectorAll('#groups h3')].map((each) => each.textContent)"
        browser.wait_until(f"{names}.includes({GROUP!r}) && {names}.includes('billing')")
        browser.wait_until("document.getElementById('groups').textContent.includes('2 members')")
        browser.wait_until(f"document.getElementById('groups').textContent.includes({CLIENT!r})")
        expect(0, browser.evaluate("document.querySelectorAll('#groups img, #groups span b').length"), "elements made of names")
        expect("sendlog", browser.evaluate("document.title"), "the title")


def check_looks(report, browser, home):
    pictures = Path(os.environ.get("PAGE_PICTURES", home))
    if DRAWS:
        browser.wait_until("samples.length > 100", 150)  # plots from end to end
    for scheme in ["light", "dark"]:
        with report.check(f"page: {scheme} can be read"):
            browser.look_as(1200, 900, scheme)
            browser.wait_until(LIVE)
            worst, contrast = browser.evaluate(f"({CONTRAST})({TEXT})")
            if contrast < 4.5:
                raise Failure(f"the contrast of {worst} is {contrast:.2f}, and 4.5 is wanted")
            browser.look_as(1200, browser.evaluate("document.documentElement.scrollHeight"), scheme)
            browser.screenshot(pictures / f"page-{scheme}.png")
    for width in PHONES:
        with report.check(f"page: {width} pixels are wide enough"):
            browser.look_as(width, 800, "light", 2, True)
            browser.wait_until(LIVE)
            expect(width, browser.evaluate("document.documentElement.scrollWidth"), "the width of what scrolls")
            out = "[...document.querySelectorAll('main *')].filter((it) => !it.closest('.scroll, svg') && it.getBoundingClientRect().right > innerWidth + 1).length"
            expect(0, browser.evaluate(out), "elements that reach beyond the edge")
            if width == 360:
                browser.screenshot(pictures / "page-phone.png", whole=False)
    browser.look_as(1200, 900, "light")


def check_manners(report, browser):
    with report.check("page: the keyboard reaches every link"):
        for _ in range(5):
            for kind in ["keyDown", "keyUp"]:
                browser.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        expect("/ready", browser.evaluate("document.activeElement.textContent"), "the fifth stop")
    with report.check("page: nobody is asked while nobody looks"):
        hide = "Object.defineProperty(document, 'hidden', {{value: {0}, configurable: true}}), document.dispatchEvent(new Event('visibilitychange'))"
        browser.evaluate(hide.format("true"))
        browser.wait_until("document.getElementById('status').textContent === 'paused' && !asking")
        asked = "performance.getEntriesByName(location.origin + '/state').length"
        before = browser.evaluate(asked)
        time.sleep(2.5)  # for something not to happen
        expect(before, browser.evaluate(asked), "requests")
        browser.evaluate(hide.format("false"))
        browser.wait_until(f"{LIVE} && {asked} > {before}")
    with report.check("page: no error, no warning, nothing from elsewhere"):
        expect([], browser.complaints, "what the console says")
        elsewhere = "performance.getEntriesByType('resource').filter((it) => !it.name.startsWith(location.origin)).length"
        expect(0, browser.evaluate(elsewhere), "resources from elsewhere")


def parse_metrics(url):
    python = install.confluent()[0]
    text = urllib.request.urlopen(f"{url}/metrics", timeout=30).read()
    done = subprocess.run([python, "-B", "-c", PARSE], input=text, capture_output=True)
    if done.returncode:
        raise Failure(done.stderr.decode().strip().splitlines()[-1])
    found = dict(line.rsplit(" ", 1) for line in done.stdout.decode().splitlines())
    families = text.decode().count("\n# TYPE ") + text.decode().startswith("# TYPE ")
    expect(families, len(found), "families")
    samples = sum(1 for line in text.decode().splitlines() if not line.startswith("#"))
    expect(samples, sum(map(int, found.values())), "samples")
    for family in ["sendlog_request_duration_seconds histogram", "sendlog_topic_in_bytes counter", "sendlog_group_lag_records gauge"]:
        if int(found.get(family, 0)) == 0:
            raise Failure(f"no sample of {family}")


def check_tools(report, tools, bootstrap, url):
    """What Kafka's tools say is what the page says."""

    def ask(path):
        return json.load(urllib.request.urlopen(f"{url}/{path}", timeout=30))

    def sizes_agree():
        printed = tools.run("org.apache.kafka.tools.LogDirsCommand", "--bootstrap-server", bootstrap, "--describe")
        folders = json.loads(printed.splitlines()[-1])["brokers"][0]["logDirs"]
        told = {it["partition"]: it["size"] for folder in folders for it in folder["partitions"]}
        topics = ask("state")["topics"]
        shown = {
            f"{topic['name']}-{number}": partition["size_bytes"]
            for topic in topics
            for number, partition in enumerate(topic["partitions"])
        }
        return told == shown and len(told) > 6

    try:
        with report.check("page: kafka-log-dirs tells the same sizes"):
            # A group whose members are gone may write once more.
            eventually(sizes_agree, "the sizes of all partitions agree")
        with report.check("page: kafka-configs tells the same values"):
            broker = ["--entity-type", "brokers", "--entity-name", "1"]
            printed = tools.run("kafka.admin.ConfigCommand", "--bootstrap-server", bootstrap, *broker, "--describe", "--all")
            told = dict(re.findall(r"^  ([a-z0-9.]+)=(.*) sensitive=", printed, re.MULTILINE))
            expect(told, {it["key"]: it["value"] for it in ask("config")}, "values by key")
    finally:
        tools.close()


def check_restart(browser, broker, launch, home, url):
    broker.kill()
    browser.wait_until("document.getElementById('status').dataset.state === 'lost'")
    address = url.removeprefix("http://")
    again = launch(home / "data", home / "broker.log", ANY_PORT, {"admin.listener": address})
    try:
        browser.wait_until(LIVE)
        browser.wait_until("document.getElementById('topics').textContent.includes('orders')")
    finally:
        again.kill()
