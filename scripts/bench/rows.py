"""The rows of docs/benchmarks.md and .json: what was measured, against what, and how."""

import datetime
import json
import os
import pathlib
import platform

root = pathlib.Path(__file__).resolve().parent.parent.parent
written = root / "docs/benchmarks.json"


class Rows:
    """Rows of one run of `make bench`; each script of it goes on where the one before it ended."""

    def __init__(self, begins: bool):
        self.rows = [] if begins or not written.exists() else json.loads(written.read_text())

    def add(self, id, ours, unit, goal, met, command, peer=None, peer_figure=None):
        """`ours` and `peer_figure` are in `unit`; `met` is None where there is no goal."""
        cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
        self.rows = [row for row in self.rows if row["id"] != id]
        self.rows.append({
            "id": id, "ours": ours, "unit": unit, "goal": goal, "met": met, "peer": peer, "peer_figure": peer_figure, "command": command,
            "machine": f"{os.cpu_count()} cores, {cpu}", "date": datetime.date.today().isoformat(),
        })
        against = f"  {peer}: {peer_figure}" if peer else ""
        print(f"  {id:<28} {ours:>10} {unit:<12} goal {goal or 'none'}{against}", flush=True)

    def write(self):
        written.write_text(json.dumps(self.rows, indent=2, ensure_ascii=False) + "\n")
        newest = max(self.rows, key=lambda row: row["date"])
        lines = [
            "# Benchmarks", "",
            "Written by `make bench`; a row that was not measured is not here. The console is the release build, the rehearsal the dev build. "
            "Peers are measured on the same machine, right beside ours.", "",
            f"{newest['machine']}, {newest['date']}, where a row does not say another day.", "",
            "| what | ours | goal | met | peers | how |", "|---|---|---|---|---|---|",
        ]
        met = {True: "yes", False: "**no**", None: "–"}
        for row in self.rows:
            peers = f"{row['peer']}: {row['peer_figure']}" if row["peer"] else "–"
            day = "" if row["date"] == newest["date"] else f" ({row['date']})"
            lines.append(f"| {row['id']} | {row['ours']} {row['unit']} | {row['goal'] or '–'} | {met[row['met']]} | {peers} | {row['command']}{day} |")
        (root / "docs/benchmarks.md").write_text("\n".join(lines) + "\n")
