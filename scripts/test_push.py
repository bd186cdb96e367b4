"""The push API of a real console, before the script that docs/clients gives: points arrive once whatever is killed, stopped or sent again.

Usage: test_push.py PROGRAM [KILLS]
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import textwrap

from console_under_test import Console, root, wait_until

program = sys.argv[1]
kills = int(sys.argv[2]) if len(sys.argv) > 2 else 10
folder = pathlib.Path(tempfile.mkdtemp(prefix="trainyard-push-"))
script = root / "docs/clients/trainyard.py"


def run(name, body, key, host, config=None):
    """Starts a script that logs with our file beside it, in a folder of its own."""
    home = folder / name
    home.mkdir(exist_ok=True)
    shutil.copy(script, home)
    (home / "train.py").write_text(textwrap.dedent(f"""
        import math, sys, time
        from trainyard import Run
        with Run({host!r}, {key!r}, {name!r}, config={config or {}!r}, every=0.05) as run:
    """) + textwrap.indent(textwrap.dedent(body), "    "))
    return subprocess.Popen([sys.executable, "train.py"], cwd=home, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process, seconds=60, code=0):
    out, err = process.communicate(timeout=seconds)
    assert process.returncode == code, f"{process.args}: {process.returncode}\n{out}\n{err}"
    return err


def stored(console, name):
    """{series: [(step, value), ...]} with everything that is stored, as the exported file has it."""
    id = console.experiments()[name]["experiment"]["id"]
    answer = console.ask("GET", f"/console/v1/experiments/{id}/points?format=json", None, {"authorization": f"Bearer {console.key}"})
    assert answer.status == 200, answer.text
    return {one["name"]: list(zip(one["steps"], one["values"])) for one in json.loads(answer.text)["series"]}


def main():
    console = Console(program, folder)
    host = f"http://{console.listen}"

    # Every value, also what is no number; metrics that are there only sometimes; the configuration; the end.
    ended(run("plain", """
        for step in range(1, 3001):
            run.log({"train/loss": 1 / step, "lr": 1e-5} | ({"eval/loss": [math.nan, math.inf, -math.inf][step // 100 % 3]} if step % 100 == 0 else {}), step)
    """, console.key, host, {"lr": 1e-5, "model": {"layers": 4}}))
    points = stored(console, "plain")
    expected = [(step, 1 / step) for step in range(1, 3001)]
    assert points["train/loss"] == expected, (len(points["train/loss"]), [pair for pair in zip(points["train/loss"], expected) if list(pair[0]) != list(pair[1])][:3])
    assert [value for _, value in points["eval/loss"]][:3] == ["Infinity", "-Infinity", "NaN"], points["eval/loss"][:3]
    view = console.experiments()["plain"]
    assert view["tracked"]["state"] == "finished", view["tracked"]
    print("  every value arrived")

    # The console is killed again and again while a script logs, and the script never hears of it.
    steps = max(20_000, kills * 600)
    process = run("killed", f"""
        step = 0
        while not run.left.is_set() and step < {steps}:
            step += 1
            run.log({{"loss": step / 7}}, step)
            time.sleep(0.0005)
    """, console.key, host)
    for kill in range(kills):
        wait_until("points", 30, lambda: len(stored(console, "killed").get("loss", [])) > kill * 300 if "killed" in console.experiments() else False)
        console.kill()
        console.start()
    ended(process, 120 + kills * 3)
    points = stored(console, "killed")["loss"]
    assert points == [(step, step / 7) for step in range(1, steps + 1)], f"{len(points)} points"
    print(f"  {kills} kills lost nothing and doubled nothing")

    # A script that was killed in mid-run ends as crashed when it says so, and one that fails says so itself.
    assert "ZeroDivisionError" in ended(run("failing", "run.log({'loss': 1.0}, 1)\n1 / 0", console.key, host), code=1)
    assert console.experiments()["failing"]["tracked"]["state"] == "crashed"

    # Nobody listens: the script ends all the same, its points wait, and are sent later, once.
    console.kill()
    told = ended(run("offline", "for step in range(1, 501): run.log({'loss': float(step)}, step)", console.key, host))
    assert "not sent yet" in told, told
    waiting = folder / "offline/trainyard"
    kept = {file.name: file.read_bytes() for file in waiting.glob("*.json")}
    assert kept
    console.start()
    later = [sys.executable, "trainyard.py", host, console.key]
    subprocess.run(later, cwd=folder / "offline", check=True)
    assert not list(waiting.iterdir()), "what arrived is taken away"
    for name, body in kept.items():
        (waiting / name).write_bytes(body)
    subprocess.run(later, cwd=folder / "offline", check=True)
    assert stored(console, "offline")["loss"] == [(step, float(step)) for step in range(1, 501)]
    print("  what was logged offline came later, once")

    # A wrong key is said, and nothing is thrown away.
    told = ended(run("keyless", "run.log({'loss': 1.0}, 1)", "0" * 21, host))
    assert "401" in told, told
    assert list((folder / "keyless/trainyard").glob("*.json"))
    assert "keyless" not in console.experiments()

    # What cannot be read names its field.
    answer = console.ask("POST", "/console/v1/push", json.dumps({"run": "r", "points": [{"steps": [1, 2], "values": {"loss": [1]}}]}),
                         {"authorization": f"Bearer {console.key}"})
    finding = json.loads(answer.text)["error"]["findings"][0]
    assert answer.status == 422 or answer.status == 400, answer.status
    assert finding["field"] == "points[0].values.loss", finding
    print("  wrong keys and bodies are told")
    console.stop()


try:
    main()
finally:
    shutil.rmtree(folder, ignore_errors=True)
