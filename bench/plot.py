# plot.py - the speed-up over the size of a grain, as a picture: one line for each peer.
#
# Called by run with the medians of the rows grain_*_2w: what the loop takes by two workers, over
# what its items take one after the other.  The picture shows the reciprocal.
# SPDX-License-Identifier: MIT
import math
import re

from rows import NAMES

ROW = re.compile(r"grain_(\d+)(ns|us|ms)_2w$")
UNITS = {"ns": 1, "us": 1_000, "ms": 1_000_000}
COLOURS = {"weft": "#c0392b", "omp": "#2471a3", "tbb": "#1e8449", "go": "#7d3c98",
           "rayon": "#b9770e"}
WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 60, 600, 40, 360  # of the field
SPEED_MAX = 2.2


def grain_ns(row):
    found = ROW.match(row)
    return int(found.group(1)) * UNITS[found.group(2)] if found else None


def text(x, y, words, anchor="middle", colour="#222"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{words}</text>'


def line(x1, y1, x2, y2, style):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {style}/>'


def spread(ys, gap=15):
    """The same heights, moved apart so far that words can be read."""
    order, placed = sorted(range(len(ys)), key=lambda at: ys[at]), {}
    low = -math.inf
    for at in order:
        low = placed[at] = max(ys[at], low + gap)
    return [placed[at] for at in range(len(ys))]


def draw(medians):
    """medians: {row: {peer: value}} of any rows; the picture, or None when there are no grains."""
    grains = {ns: medians[row] for row in medians if (ns := grain_ns(row))}
    if len(grains) < 2:
        return None
    least, most = math.log10(min(grains)), math.log10(max(grains))

    def x_of(ns):
        return LEFT + (math.log10(ns) - least) / (most - least) * (RIGHT - LEFT)

    def y_of(speed):
        return BOTTOM - min(speed, SPEED_MAX) / SPEED_MAX * (BOTTOM - TOP)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
           f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           text((LEFT + RIGHT) / 2, 20, "A loop by two workers, each item handed out by itself"),
           text((LEFT + RIGHT) / 2, HEIGHT - 14, "time that an item takes"),
           text(LEFT - 8, TOP - 12, "speed-up", "end")]
    for speed in (0, 0.5, 1, 1.5, 2):
        style = 'stroke="#888" stroke-dasharray="5 4"' if speed in (1, 2) else 'stroke="#ddd"'
        out += [line(LEFT, y_of(speed), RIGHT, y_of(speed), style),
                text(LEFT - 8, y_of(speed) + 4, f"{speed:g}", "end")]
    for ns in sorted(grains):
        words = f"{ns} ns" if ns < 1_000 else f"{ns // 1_000} µs"
        out += [line(x_of(ns), BOTTOM, x_of(ns), BOTTOM + 5, 'stroke="#888"'),
                text(x_of(ns), BOTTOM + 20, words)]
    lines = {peer: [(x_of(ns), y_of(1 / grains[ns][peer]))
                    for ns in sorted(grains) if grains[ns].get(peer)] for peer in COLOURS}
    lines = {peer: points for peer, points in lines.items() if points}
    heights = spread([points[-1][1] for points in lines.values()])
    for (peer, points), height in zip(lines.items(), heights):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        width = 3 if peer == "weft" else 1.5
        out += [f'<polyline points="{path}" fill="none" stroke="{COLOURS[peer]}" '
                f'stroke-width="{width}"/>',
                text(RIGHT + 8, height + 4, NAMES[peer], "start", COLOURS[peer])]
    return "\n".join([*out, "</svg>"]) + "\n"
