"""Writes one event file: event_file.py FILE TAGS STEPS [spikes]. Records as TensorBoard's scalar writers make them, with both checksums.

With `spikes` a hundred steps have the value 99, at the places that metrics.py plants them.
"""

import random
import struct
import sys

import crc32c

file, tags, steps, spikes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:] == ["spikes"]
planted = set(random.Random(1).sample(range(steps), 100)) if spikes else set()


def masked(data):
    crc = crc32c.crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def varint(value):
    out = bytearray()
    while True:
        out.append(value & 0x7F | (0x80 if value > 0x7F else 0))
        value >>= 7
        if not value:
            return bytes(out)


def field(number, kind, data):
    return varint(number << 3 | kind) + data


def framed(event):
    length = struct.pack("<Q", len(event))
    return length + masked(length) + event + masked(event)


rnd = random.Random(0)
heads = [field(1, 2, varint(len(name)) + name) for name in (f"train/metric_{n:03d}".encode() for n in range(tags))]
with open(file, "wb") as out:
    out.write(framed(field(1, 1, struct.pack("<d", 1.7e9)) + field(3, 2, b"\x0dbrain.Event:2")))
    for step in range(steps):
        begin = field(1, 1, struct.pack("<d", 1.7e9 + step * 0.25)) + field(2, 0, varint(step))
        pieces = []
        for head in heads:
            one = head + field(2, 5, struct.pack("<f", 99.0 if step in planted else 2 + rnd.random()))
            summary = field(1, 2, varint(len(one)) + one)
            pieces.append(framed(begin + field(5, 2, varint(len(summary)) + summary)))
        out.write(b"".join(pieces))
