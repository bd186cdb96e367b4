"""The SwanLab host of a real console before the real, unmodified clients: log in, log, resume, crash, go offline and sync, a wrong key.

Usage: test_swanlab.py PROGRAM RELEASE...   Each release is installed below the target folder once.
"""
import json
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse

from console_under_test import Console, root, wait_until

clients = root / "scripts/swanlab"
program, *releases = sys.argv[1:]
folder = pathlib.Path(tempfile.mkdtemp(prefix="trainyard-swanlab-"))


class Client:
    """One release in its own environment and home."""

    def __init__(self, console, release):
        self.release, self.console = release, console
        self.minor = int(release.split(".")[1])
        self.venv = root / "target/venvs" / f"swanlab-{release}"
        if not (self.venv / "installed").exists():
            subprocess.run([sys.executable, "-m", "venv", self.venv], check=True)
            subprocess.run([self.venv / "bin/pip", "install", "-q", "--disable-pip-version-check", f"swanlab=={release}", "numpy", "pillow"],
                           check=True)
            (self.venv / "installed").touch()
        self.home = folder / f"home-{release}"
        self.home.mkdir()
        self.env = {
            "PATH": f"{self.venv}/bin:{os.environ['PATH']}", "HOME": str(self.home), "SWANLAB_API_HOST": f"http://{console.listen}/api",
            "SWANLAB_WEB_HOST": f"http://{console.listen}", "SWANLAB_API_KEY": console.key, "PYTHONUNBUFFERED": "1", "NO_PROXY": "*",
        }

    def begin(self, *words, **env):
        return subprocess.Popen([self.venv / "bin/python", clients / "client.py", *map(str, words)], cwd=self.home, env={**self.env, **env},
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def run(self, *words, ends=0, **env):
        process = self.begin(*words, **env)
        try:
            text = process.communicate(timeout=120)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"{words} did not end:\n{process.communicate()[0]}")
        assert process.returncode == ends, f"{self.release} {words} ended with {process.returncode}:\n{text}"
        return text


def value(step):
    return math.sin(step) / 3 + 0.1


def trains(console, client):
    name = f"train {client.release}"
    text = client.run("train", name)
    view = console.experiments()[name]
    run = view["tracked"]
    assert (run["state"], run["origin"]) == ("finished", f"swanlab {client.release}"), run
    assert run["finished_at"] >= run["started_at"] and view["attempts"] == []
    assert console.points(name, "train/loss") == {step: value(step) for step in range(40)}, "to the bit"
    deep = "nested.deep" if client.minor < 8 else "nested/deep"
    assert console.points(name, deep) == {step: step * 2 for step in range(40)}
    id = view["experiment"]["id"]
    odd = next(s for s in console.api("GET", f"/experiments/{id}/series") if s["name"] == "odd")
    assert (odd["count"], odd["non_finite"], odd["max"]) == (3, 2, 5e-324), odd

    media = console.api("GET", f"/experiments/{id}/media")
    assert {s["name"]: s["steps"] for s in media["series"]} == {"pictures": [0, 5], "words": [0, 5]}, media
    pictures = console.api("GET", f"/experiments/{id}/media/at?name=pictures&step=5")
    assert [(p["shape"], p["caption"]) for p in pictures] == [("image", "picture of step 5"), ("image", "picture of step 6")], pictures
    path = urllib.parse.quote(pictures[0]["path"], safe="")
    file = console.ask("GET", f"/console/v1/experiments/{id}/files?path={path}", headers={"authorization": f"Bearer {console.key}",
                                                                                           "trainyard-project": "demo"})
    assert file.bytes.startswith(b"\x89PNG") and file.getheader("content-type") == "image/png"
    words = console.api("GET", f"/experiments/{id}/media/at?name=words&step=5")
    assert [(w["shape"], w["text"]) for w in words] == [("text", "said at 5 <b>&")], words

    lines = [line["text"] for line in console.api("GET", f"/experiments/{id}/lines")]
    assert f"hello from {name}" in lines and len(lines) == len(set(enumerate(lines)))
    profile = console.api("GET", f"/experiments/{id}/profile")
    assert profile["config"]["lr"] == 0.001 and profile["config"]["model.layers"] == 2, profile["config"]
    assert profile["config"]["betas"] == [0.9, 0.95] and "numpy" in profile["requirements"]

    # The links that it printed lead to the run.
    printed = re.search(r"https?://[^\s]+/runs/[\w-]+", re.sub(r"\x1b\[[0-9;]*m", "", text))
    assert printed, text
    link = urllib.parse.urlparse(printed[0]).path
    moved = console.ask("GET", link, headers={"authorization": f"Bearer {console.key}"})
    assert (moved.status, moved.getheader("location")) == (303, f"/experiments/{id}"), (link, moved.status, moved.getheader("location"))
    return run


def goes_back(console, client):
    name = f"back {client.release}"
    client.run("back", name)
    assert console.points(name, "x") == {step: step * 1.5 for step in (5, 10, 15, 20)}


def resumes(console, client, run):
    name = f"train {client.release}"
    client.run("resume", "another name", run["slug"], "must", 40, 60)
    assert console.points(name, "train/loss") == {step: value(step) for step in range(60)}
    assert "another name" not in console.experiments()
    assert console.experiments()[name]["tracked"]["state"] == "finished"
    text = client.run("resume", "nothing", "a" * 21, "must", 0, 1, ends=1)
    assert "another name" not in console.experiments() and "nothing" not in console.experiments(), text
    own = "b" * 21 if client.minor < 7 else f"own-id-{client.release.replace('.', '-')}"
    client.run("resume", f"own {client.release}", own, "allow", 0, 3)
    client.run("resume", f"own {client.release}", own, "allow", 3, 6)
    view = console.experiments()[f"own {client.release}"]
    assert view["tracked"]["slug"] == own
    assert console.points(f"own {client.release}", "train/loss") == {step: value(step) for step in range(6)}


def crashes(console, client):
    name = f"crash {client.release}"
    client.run("crash", name, ends=1)
    view = console.experiments()[name]
    assert view["tracked"]["state"] == "crashed", view["tracked"]
    lines = console.api("GET", f"/experiments/{view['experiment']['id']}/lines")
    assert any(line["level"] == "ERROR" and "out of memory, say" in line["text"] for line in lines), lines


def syncs(console, client):
    """Written without a console, sent twice: there once."""
    name, logs = f"offline {client.release}", client.home / "offline"
    client.run("offline", name, logs, SWANLAB_API_HOST="http://127.0.0.1:1/api", SWANLAB_API_KEY="")
    assert name not in console.experiments()
    runs = sorted(path for path in logs.iterdir() if path.name.startswith("run-"))
    # Clients make a new run each time unless they are told; "auto" is the run's own id to the old ones, and any other id to the new.
    own = ["--id", "auto" if client.minor < 8 else f"offline-{client.minor}"]
    for _ in range(2):
        done = subprocess.run([client.venv / "bin/swanlab", "sync", *own, str(runs[0])], cwd=client.home, env=client.env, capture_output=True,
                              text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
    views = [view for view in console.experiments().values() if view["experiment"]["name"].startswith(name)]
    assert console.points(name, "train/loss") == {step: value(step) for step in range(30)}, done.stdout + done.stderr
    run = console.experiments()[name]["tracked"]
    assert run["state"] == "finished" and run["finished_at"] - run["started_at"] < 60_000, run
    assert len(views) == 1, [view["experiment"]["name"] for view in views]


def is_refused(console, client):
    text = client.run("train", "refused", ends=1, SWANLAB_API_KEY="x" * 21)
    last = text.strip().splitlines()[-1]
    assert re.search(r"key|unauthorized|authenticat", last, re.I), text
    print(f"  {client.release}: a wrong key reads: {last}")
    assert "refused" not in console.experiments()


def survives_a_kill(console, client):
    """The console is killed while a run goes on: nothing is lost and nothing is there twice."""
    name = f"killed {client.release}"
    process = client.begin("killed", name)
    newest = lambda: max(console.points(name, "train/loss"), default=-1) if name in console.experiments() else -1
    try:
        wait_until("points", 60, lambda: newest() > 50)
        for _ in range(3):
            console.kill()
            console.start()
            before = newest()
            wait_until("more points", 90, lambda: newest() > before)
    finally:
        process.kill()
        process.communicate()
    points = console.points(name, "train/loss")
    assert points == {step: value(step) for step in range(max(points) + 1)}
    id = console.experiments()[name]["experiment"]["id"]
    loss = next(s for s in console.api("GET", f"/experiments/{id}/series") if s["name"] == "train/loss")
    assert loss["count"] == len(points), (loss, len(points))
    assert console.experiments()[name]["tracked"]["state"] == "running"


def check(console, release, with_kills):
    client, begun = Client(console, release), time.monotonic()
    run = trains(console, client)
    goes_back(console, client)
    resumes(console, client, run)
    crashes(console, client)
    syncs(console, client)
    is_refused(console, client)
    if with_kills:
        survives_a_kill(console, client)
    print(f"  swanlab {release:<36} passed in {time.monotonic() - begun:.0f} s")


console = Console(program, folder, "demo")
assert re.fullmatch(r"[0-9A-Za-z]{21}", console.key), "old clients take only keys of 21 letters and digits"
try:
    only = os.environ.get("SWANLAB_TEST")
    for at, release in enumerate(releases):
        if only:
            globals()[only](console, Client(console, release))
        else:
            check(console, release, with_kills=at == len(releases) - 1 or "TEST_FULL" in os.environ)
except BaseException:
    print(console.log.read_text()[-6000:], file=sys.stderr)
    raise
finally:
    console.process.terminate()
    console.process.wait()
    shutil.rmtree(folder, ignore_errors=True)
