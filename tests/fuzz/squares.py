#!/usr/bin/env python3
"""Writes corpus/font/squares.ttf, a font of our own for the digits: a square, and a square made of the first one."""
import os
import struct

def glyph(points):
    xs = [p[0] for p in points]
    ys = [p[1] for p in points]
    head = struct.pack('>hhhhh', 1, min(xs), min(ys), max(xs), max(ys)) + struct.pack('>HH', len(points) - 1, 0)
    steps = lambda v: b''.join(struct.pack('>h', b - a) for a, b in zip([0] + v, v))
    return head + b'\x01' * len(points) + steps(xs) + steps(ys)

def even(data, to=4):
    return data + b'\0' * (-len(data) % to)

box = even(glyph([(100, 0), (100, 800), (700, 800), (700, 0)]))
# composite: glyph 1, moved by (50, 10)
twin = even(struct.pack('>hhhhh', -1, 150, 10, 750, 810) + struct.pack('>HHhh', 0x0003, 1, 50, 10))
glyphs = [b'', box, twin]
loca, at = b'', 0
for g in glyphs + [b'']:
    loca += struct.pack('>L', at)
    at += len(g)
# format 6 maps 0..9 one by one
cmap6 = struct.pack('>HHHHH', 6, 10 + 20, 0, 0x30, 10) + struct.pack('>10H', *([1] * 5 + [2] * 5))
cmap = struct.pack('>HHHHL', 0, 1, 3, 1, 12) + cmap6
tables = {
    b'cmap': cmap,
    b'glyf': b''.join(glyphs),
    b'head': struct.pack('>LLLLHHQQhhhhHHhhh', 0x10000, 0x10000, 0, 0x5F0F3CF5, 0, 1000, 0, 0, 100, 0, 750, 810, 0, 8, 2, 1, 0),
    b'hhea': struct.pack('>LhhhHhhhhhhhhhhhH', 0x10000, 800, -200, 0, 800, 0, 0, 750, 1, 0, 0, 0, 0, 0, 0, 0, 3),
    b'hmtx': struct.pack('>HhHhHh', 800, 0, 800, 100, 800, 150),
    b'loca': loca,
    b'maxp': struct.pack('>LHHHHHHHHHHHHHH', 0x10000, 3, 4, 1, 4, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1),
}
out = struct.pack('>LHHHH', 0x10000, len(tables), 64, 2, 48)
at, body = 12 + 16 * len(tables), b''
for tag, data in sorted(tables.items()):
    out += tag + struct.pack('>LLL', 0, at + len(body), len(data))
    body += even(data)
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'corpus/font/squares.ttf'), 'wb') as file:
    file.write(out + body)
