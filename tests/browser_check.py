"""The built site in a real browser: `python -m tests.browser_check docs/_build/html` (`make site-check`).

Every page is opened by Chromium at the width of a phone, from a server that lets the page fetch nothing but its own
files. Formulas must be set without an error, nothing may scroll sideways but tables, code and formulas in boxes of
their own, no script may complain and no file may be missing. The search must find `gap_cdf`, the ledger's filter must
filter, and a link to a record must open its evidence.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PHONE = 360  # CSS pixels, the narrowest phones that are common
PATIENCE = 5.0  # seconds for a page, a multiple of what the slowest takes on one busy core; a page without an end fails
POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:"

# First in each page, before any script of its own.
_WITNESS = b"""<script>
window.complaints = [];
{
  const told = console.error;
  console.error = (...words) => { window.complaints.push("console: " + words.join(" ")); told(...words); };
  addEventListener("error", (event) => window.complaints.push(
    event.message || "cannot load " + (event.target.src || event.target.href)), true);
  addEventListener("unhandledrejection", (event) => window.complaints.push("rejected: " + event.reason));
  addEventListener("securitypolicyviolation", (event) => window.complaints.push("fetches " + event.blockedURI));
}
</script>"""

_WRAPPER = """<!doctype html><meta charset="utf-8"><body><script>
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function until(condition) {
  for (let tries = 0; tries < 100; tries += 1) {
    if (condition()) return true;
    await pause(20);
  }
  return false;
}

async function opened(page) {
  const frame = document.createElement("iframe");
  frame.style = "width: WIDTHpx; height: 700px; border: 0";
  const loaded = new Promise((resolve) => { frame.onload = resolve; });
  frame.src = "/" + page;
  document.body.replaceChildren(frame);
  await loaded;
  const inside = frame.contentWindow;
  if (inside.MathJax) await inside.MathJax.startup.promise;
  await pause(0);
  return inside;
}

async function problems(page) {
  const inside = await opened(page), found = [...inside.complaints];
  const all = (selector) => [...inside.document.querySelectorAll(selector)];
  const root = inside.document.documentElement;
  if (root.clientWidth !== WIDTH) found.push(`is ${root.clientWidth} pixels wide`);
  if (root.scrollWidth > root.clientWidth) found.push(`scrolls sideways to ${root.scrollWidth} pixels`);
  found.push(...all("span.math, div.math").filter((math) => !math.querySelector("mjx-container"))
    .map((math) => "formula not set: " + math.textContent));
  found.push(...all("mjx-merror, [data-mjx-error]").map((error) => "formula with an error: " + error.textContent));
  return found;
}

const features = {
  async "search.html?q=gap_cdf"(inside) {
    const hit = () => inside.document.querySelector('#search-results a[href*="#gammaprob.gap_cdf"]');
    return await until(hit) ? [] : ["the search does not find gap_cdf"];
  },
  async "ledger.html#sup-eq6"(inside) {
    const rows = () => [...inside.document.querySelectorAll("table.ledger-records tbody tr")];
    const shown = () => rows().filter((row) => row.offsetParent !== null), found = [];
    const record = inside.document.querySelector("#sup-eq6"), top = record.getBoundingClientRect().top;
    if (!record.querySelector("details").open) found.push("a link to a record hides its evidence");
    if (top < 0 || top > inside.innerHeight / 2) found.push(`a link to a record ends ${top} pixels beside it`);
    for (const [label, value] of [["words", "closed"], ["verdict", "wrong as printed"]]) {
      const before = shown().length;
      const control = [...inside.document.querySelectorAll(".ledger-filter label")]
        .find((box) => box.firstChild.textContent === label).lastChild;
      control.value = value;
      control.dispatchEvent(new Event("input", { bubbles: true }));
      if (!shown().every((row) => row.textContent.toLowerCase().includes(value)) || !shown().length
        || shown().length >= before) found.push(`the filter by ${label} shows ${shown().length} of ${before} records`);
    }
    return found;
  },
};

(async () => {
  const found = {};
  for (const page of PAGES) {
    try {
      found[page] = await problems(page);
      if (page in features) found[page].push(...await features[page](await opened(page)));
    } catch (error) {
      found[page] = [String(error)];
    }
  }
  await fetch("/found", { method: "POST", body: JSON.stringify(found) });
})();
</script>"""

FEATURES = ("search.html?q=gap_cdf", "ledger.html#sup-eq6")


class _Handler(SimpleHTTPRequestHandler):
    def do_GET(self):
        path = Path(self.translate_path(self.path))
        if self.path == "/wrapper":
            self._send(self.server.wrapper)
        elif path.suffix == ".html" and path.is_file():
            self._send(path.read_bytes().replace(b"<head>", b"<head>" + _WITNESS, 1))
        else:
            super().do_GET()

    def do_POST(self):
        self.server.found = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._send(b"")
        self.server.done.set()

    def _send(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def end_headers(self):
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def log_message(self, *words):
        """Nothing: what is missing is a complaint of its page."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A page that is left before its last file came is no error; anything else is."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def check(folder: Path, pages: Iterable[str]) -> list[str]:
    """What is wrong with the pages, each a path below the folder, as "page: problem"."""
    pages = list(pages)
    server = _Server(("127.0.0.1", 0), partial(_Handler, directory=str(folder)))
    server.done, server.found, patience = threading.Event(), None, 20.0 + PATIENCE * len(pages)
    server.wrapper = _WRAPPER.replace("PAGES", json.dumps(pages)).replace("WIDTH", str(PHONE)).encode()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:  # the browser's last files come late
        browser = subprocess.Popen([
            CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--hide-scrollbars",  # as on a phone, where they take no room
            f"--user-data-dir={profile}", "--window-size=800,800", f"http://127.0.0.1:{server.server_port}/wrapper",
        ], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        threading.Thread(target=lambda: (browser.wait(), server.done.set()), daemon=True).start()
        try:
            server.done.wait(patience)
        finally:
            browser.terminate()
            browser.wait()
            server.shutdown()
            server.server_close()
    if server.found is None:
        return [f"the browser ended early, or gave no answer in {patience:.0f} s"]
    return [f"{page}: {problem}" for page in pages for problem in server.found[page]]


def main() -> int:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/_build/html")
    if CHROMIUM is None:
        print("no browser: install chromium (Debian: apt-get install chromium)", file=sys.stderr)
        return 2
    pages = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.html"))
    if not pages:
        print(f"no pages in {folder}: make docs first, or name the folder of a site", file=sys.stderr)
        return 2
    found = check(folder, [*pages, *FEATURES])
    print("\n".join(found) or f"{len(pages)} pages at {PHONE} pixels, search and ledger: nothing to complain about")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
