"""The pre-flight on two rehearsal nodes, through our own HTTP API, as the page asks for it."""

import http.cookiejar
import json
import statistics
import time
import urllib.parse
import urllib.request


def measure(listen, password):
    """Seconds of each of nine pre-flights of the demo's own recipe, question to whole answer."""
    cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    browser = urllib.request.build_opener(cookies)
    browser.addheaders = [("origin", f"http://{listen}")]
    form = urllib.parse.urlencode({"name": "demo", "password": password, "next": "/"}).encode()
    browser.open(f"http://{listen}/session/login", form)

    def ask(path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://{listen}/console/v1{path}", data, {"content-type": "application/json"})
        return json.loads(browser.open(request, timeout=60).read())

    setup = next(view["experiment"]["setup"] for view in ask("/experiments") if view["experiment"]["setup"])
    asked = {"name": "measured", "preset": setup["preset"], **{name: setup[name] for name in ("cluster_id", "model_id", "dataset_id")}}
    seconds = []
    for _ in range(9):
        begun = time.monotonic()
        report = ask("/experiments/preflight", asked)
        seconds.append(time.monotonic() - begun)
        assert len(report["nodes"]) == 2 and len(report["rows"]) > 20, report
    return statistics.median(seconds), max(seconds), len(report["rows"])
