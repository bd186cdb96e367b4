"""The programs that ours is measured against, each doing its own best with the same points."""

import http.client
import json
import os
import pathlib
import statistics
import subprocess
import time

from console_under_test import wait_until
from measure import bytes_below, end, get, processor_secs, pss_mib, run

here = pathlib.Path(__file__).resolve().parent


class Peers:
    def __init__(self, programs, folder):
        self.programs, self.folder = programs, folder

    def python(self, name):
        return self.programs / name / "bin/python"

    def rustboard(self, logs, is_checked):
        """Processor seconds of tensorboard-data-server for one load of a folder."""
        server = next((self.programs / "tensorboard/lib").glob("python3*/site-packages/tensorboard_data_server/bin/server"))
        log = self.folder / "rustboard.log"
        with open(log, "w") as out:
            words = [server, "--logdir", logs, "--port", "0", "--reload", "once", "-v", "--checksum" if is_checked else "--no-checksum"]
            process = subprocess.Popen(words, stdout=out, stderr=out)
        try:
            wait_until("its load cycle", 120, lambda: "Finished load cycle" in log.read_text())
            return processor_secs(process.pid)
        finally:
            end(process)

    def logs(self, name):
        """µs of processor time and bytes on disk per point, µs of a log() of 20 metrics."""
        home = self.folder / f"{name}-logs"
        home.mkdir()
        figures = json.loads(run(self.python(name), here / "peer_log.py", name, 5000, 20, home, cwd=home, timeout=600).stdout.splitlines()[-1])
        return {"cpu": figures["cpu_secs"] / 100_000 * 1e6, "log": figures["log_micros"], "disk": bytes_below(home) / 100_000}

    def duckdb(self, kind):
        """Bytes per point."""
        return float(run(self.python("duckdb"), here / "duckdb_points.py", self.folder / f"{kind}.duckdb", kind).stdout.split()[-1])

    def tensorboard(self):
        """Start, idle memory, reads and spikes of TensorBoard with one series of a million points."""
        logs = self.folder / "board"
        logs.mkdir()
        run(self.python("tensorboard"), here / "event_file.py", logs / "events.out.tfevents.1700000000.bench.1.0", 1, 1_000_000, "spikes")
        begun = time.monotonic()
        words = [self.programs / "tensorboard/bin/tensorboard", "--logdir", logs, "--port", "6117", "--host", "127.0.0.1"]
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        address = "/data/plugin/scalars/scalars?run=.&tag=train%2Fmetric_000"
        try:
            wait_until("TensorBoard", 60, lambda: get("127.0.0.1:6117", "/data/plugin/scalars/tags"))
            start = time.monotonic() - begun
            wait_until("its points", 60, lambda: len(json.loads(get("127.0.0.1:6117", address) or "[]")) >= 1000)
            times = []
            for _ in range(20):
                begun = time.monotonic()
                answer = get("127.0.0.1:6117", address)
                times.append((time.monotonic() - begun) * 1000)
            spikes = sum(point[2] == 99 for point in json.loads(answer))
            return {"read": statistics.median(times), "bytes": len(answer), "spikes": spikes, "start": start, "pss": pss_mib(process.pid)}
        finally:
            end(process)

    def trackio(self):
        """Start, idle memory and reads of trackio with twenty series of fifty thousand points."""
        home = self.folder / "trackio-reads"
        home.mkdir()
        run(self.python("trackio"), here / "peer_log.py", "trackio", 50_000, 20, home, cwd=home, timeout=900)
        log = home / "log"
        begun = time.monotonic()
        with open(log, "w") as out:
            words = [self.programs / "trackio/bin/trackio", "show", "--project", "bench", "--host", "127.0.0.1"]
            process = subprocess.Popen(words, cwd=home, stdout=out, stderr=out, env={**os.environ, "TRACKIO_DIR": str(home / "trackio"), "PYTHONUNBUFFERED": "1"})
        try:
            wait_until("trackio", 90, lambda: "http://" in log.read_text())
            host = log.read_text().split("http://")[1].split("/")[0].split()[0].replace("localhost", "127.0.0.1")
            wait_until("its page", 60, lambda: get(host, "/"))
            start, times = time.monotonic() - begun, []
            asked = json.dumps({"project": "bench", "runs": [{"run": "bench", "run_id": None}], "scalar_only": True})
            for _ in range(5):
                begun = time.monotonic()
                connection = http.client.HTTPConnection(host, timeout=60)
                connection.request("POST", "/api/get_logs_batch", asked, {"content-type": "application/json"})
                answer = connection.getresponse().read()
                times.append((time.monotonic() - begun) * 1000)
            return {"read": statistics.median(times), "bytes": len(answer), "start": start, "pss": pss_mib(process.pid)}
        finally:
            end(process)

    def trailer(self):
        """Start in seconds and idle memory of trailer; None where it did not answer."""
        begun = time.monotonic()
        process = subprocess.Popen([self.programs / "trailer/bin/trailer", "up", "--port", "5121"], cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while get("127.0.0.1:5121", "/") is None:
                if time.monotonic() - begun > 20:
                    return None
                time.sleep(0.005)
            start = time.monotonic() - begun
            time.sleep(5)
            return {"start": start, "pss": pss_mib(process.pid)}
        finally:
            end(process)
