"""Sends metrics to Trainyard. Copy this file beside your script; it needs nothing but Python 3.8.

    with Run("http://console:7860", "YOUR_KEY", "my-run", config={"lr": 1e-4}) as run:
        run.log({"train/loss": 0.5}, step=1)

What cannot be sent stays in the folder `trainyard`; the next run sends it, or `python trainyard.py HOST KEY`. Nothing arrives twice.
"""
import collections, json, math, pathlib, sys, threading, time, urllib.error, urllib.request, uuid


def send(host, key, folder="trainyard"):
    """Sends what lies in the folder, oldest first, and takes away what arrived."""
    for file in sorted(pathlib.Path(folder).glob("*.json")):
        headers = {"Authorization": "Bearer " + key, "Content-Type": "application/json", "Idempotency-Key": file.stem}
        try:
            urllib.request.urlopen(urllib.request.Request(host + "/console/v1/push", file.read_bytes(), headers), timeout=60).read()
            file.unlink()
        except urllib.error.HTTPError as error:
            if error.code in (401, 403, 404, 408, 429) or error.code >= 500:
                raise
            print("trainyard: refused", file, error.read().decode(), file=sys.stderr)
            file.rename(file.with_suffix(".refused"))

class Run:
    def __init__(self, host, key, run=None, name=None, config=None, folder="trainyard", every=1.0):
        self.host, self.key, self.folder, self.every = host.rstrip("/"), key, pathlib.Path(folder), every
        self.about = {"run": run or uuid.uuid4().hex[:12], "name": name or run, "config": config or {}, "state": "running"}
        self.rows, self.step, self.left = collections.deque(), 0, threading.Event()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.sender = threading.Thread(target=self._work, daemon=True)
        self.sender.start()

    def log(self, values, step=None):
        """Numbers by name. Returns at once; they are sent in the background."""
        self.step = self.step + 1 if step is None else step
        self.rows.append((self.step, int(time.time() * 1000), {name: float(value) for name, value in values.items()}))

    def finish(self, state="finished"):
        self.about["state"] = state
        self.left.set()
        self.sender.join()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.finish("finished" if kind is None else "aborted" if kind is KeyboardInterrupt else "crashed")

    def _work(self):
        is_first, is_last = True, False
        while not is_last:
            is_last = self.left.wait(0 if is_first else self.every)
            rows = [self.rows.popleft() for _ in range(len(self.rows))]
            if rows or is_first or is_last:
                values = {name: [_plain(row[2].get(name)) for row in rows] for name in {name: 0 for row in rows for name in row[2]}}
                points = [{"steps": [row[0] for row in rows], "times_millis": [row[1] for row in rows], "values": values}]
                path = self.folder / f"{time.time_ns()}-{uuid.uuid4().hex}.part"
                path.write_text(json.dumps({**self.about, "points": points}))
                path.rename(path.with_suffix(".json"))  # whole, or not there
                self.about["config"], is_first = {}, False
            try:
                send(self.host, self.key, self.folder)
            except OSError as error:
                print("trainyard: not sent yet:", error, file=sys.stderr)

def _plain(value):
    """JSON has no word for NaN and infinities."""
    return value if value is None or math.isfinite(value) else {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]

if __name__ == "__main__":
    send(sys.argv[1].rstrip("/"), *sys.argv[2:])
