"""What the measuring scripts share: processor time and memory of programs, and asking them."""

import http.client
import os
import pathlib
import signal
import subprocess
import sys

TICKS = os.sysconf("SC_CLK_TCK")


def processor_secs(pid):
    """User and system time of a process, without its children. In steps of 10 ms."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def family(pid):
    """A process and all that descend from it."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                pass
    found, queue = [], [pid]
    while queue:
        found.append(queue.pop())
        queue += [child for child, parent in parents.items() if parent == found[-1]]
    return found


def pss_mib(pid):
    """Proportional share of memory of a process and its descendants."""
    total = 0
    for one in family(pid):
        try:
            total += next(int(line.split()[1]) for line in open(f"/proc/{one}/smaps_rollup") if line.startswith("Pss:"))
        except (OSError, StopIteration):
            pass
    return total / 1024


def bytes_below(path):
    return sum(file.stat().st_size for file in pathlib.Path(path).rglob("*") if file.is_file())


def run(*words, **options):
    """Runs a program to its end; what it printed."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)
    if done.returncode:
        sys.exit(f"{words}: {done.stdout}{done.stderr}")
    return done


def get(host, path):
    """The body of an answer 200; None else."""
    try:
        connection = http.client.HTTPConnection(host, timeout=10)
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read()
        return text if answer.status == 200 else None
    except (OSError, http.client.HTTPException):
        return None


def end(process):
    """Ends a program that was started here, and what it started."""
    for pid in reversed(family(process.pid)):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.wait()
