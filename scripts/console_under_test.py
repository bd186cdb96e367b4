"""A console of its own for a test or a measurement: started, killed, asked."""

import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
import urllib.parse

root = pathlib.Path(__file__).resolve().parent.parent


def wait_until(what, seconds, ask):
    """Asks until the answer is true; nothing sleeps longer than it must."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain for {what}")
        time.sleep(0.05)
    return answer


class Console:
    """A console with an account and a key, its data in `folder`. Asked about `project` where a call names no other."""

    def __init__(self, program, folder, project="default"):
        self.program, self.folder, self.project = program, folder, project
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.listen = f"127.0.0.1:{probe.getsockname()[1]}"
        self.log = folder / "console.log"
        self.start()
        link = wait_until("the setup link", 20, lambda: re.search(r"token=(\w+)", self.log.read_text()))
        form = urllib.parse.urlencode({"token": link[1], "name": "alice", "password": "a long password"})
        answer = self.ask("POST", "/session/setup", form, {"content-type": "application/x-www-form-urlencoded"})
        self.cookie = answer.getheader("set-cookie").split(";")[0]
        made = self.ask("POST", "/console/v1/keys", json.dumps({"name": "test"}), {"content-type": "application/json", "cookie": self.cookie})
        self.key = json.loads(made.text)["secret"]

    def start(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen([self.program, "serve", "--data", self.folder / "data", "--listen", self.listen], stdout=log, stderr=log,
                                            env={**os.environ, "RUST_LOG": "warn"})
        wait_until("the console", 20, self.is_up)

    def is_up(self):
        try:
            return self.ask("GET", "/health").status == 200
        except OSError:
            return False

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)

    def ask(self, method, path, body=None, headers={}):
        connection = http.client.HTTPConnection(self.listen, timeout=60)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.bytes = answer.read()
        answer.text = answer.bytes.decode(errors="replace")
        connection.close()
        return answer

    def api(self, method, path, body=None, project=None):
        headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json", "trainyard-project": project or self.project}
        answer = self.ask(method, f"/console/v1{path}", body and json.dumps(body), headers)
        assert answer.status == 200, f"{method} {path}: {answer.status} {answer.text}"
        return json.loads(answer.text)

    def experiments(self, project=None):
        return {view["experiment"]["name"]: view for view in self.api("GET", "/experiments", project=project)}

    def points(self, name, series, project=None, labels={}):
        """{step: value} as our own API gives them."""
        id = self.experiments(project)[name]["experiment"]["id"]
        request = {"series": [{"name": series, "labels": labels}], "width_px": 4000}
        drawn = self.api("POST", f"/experiments/{id}/draw", request, project)
        return dict(zip(drawn[0]["steps"], drawn[0]["values"])) if drawn else {}
