"""Verify what the main job wrote, by reading it back: files, well-formedness, and the first numbers."""

import csv
import math
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree
import zipfile

folder = pathlib.Path(sys.argv[1])
graphs = ["network.svg", "graph.svg", "loss_curves.svg", *(f"graph_w{i}.svg" for i in range(1, 9))]
for name in graphs:
    root = ElementTree.parse(folder / name).getroot()
    assert root.tag.endswith("svg"), name
with zipfile.ZipFile(folder / "backpropagation.xlsx") as workbook:
    assert workbook.testzip() is None
    assert b",1/(1+EXP(-" in workbook.read("xl/worksheets/sheet1.xml")
derivation = (folder / "derivation.md").read_text(encoding="utf-8")
assert derivation.count("### The weight w") == 8
assert "<math" in (folder / "derivation.html").read_text(encoding="utf-8")
assert (folder / "loss_curves.png").read_bytes().startswith(b"\x89PNG")

with open(folder / "table.csv", encoding="utf-8", newline="") as file:
    rows = list(csv.DictReader(file))


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


for row in rows[:2]:
    r = {key: float(value) for key, value in row.items()}
    a1 = sigmoid(r["w1"] * r["i1"] + r["w2"] * r["i2"])
    a2 = sigmoid(r["w3"] * r["i1"] + r["w4"] * r["i2"])
    o1 = sigmoid(r["w5"] * a1 + r["w6"] * a2)
    o2 = sigmoid(r["w7"] * a1 + r["w8"] * a2)
    assert math.isclose(r["E_total"], ((r["t1"] - o1) ** 2 + (r["t2"] - o2) ** 2) / 2, rel_tol=1e-12)
    assert math.isclose(r["∂E/∂w5"], (o1 - r["t1"]) * o1 * (1 - o1) * a1, rel_tol=1e-9)
assert math.isclose(float(rows[0]["E_total"]), 0.014181377937891659, rel_tol=1e-12)
assert math.isclose(float(rows[0]["∂E/∂w3"]), 0.00035177632159073217, rel_tol=1e-9)
assert float(rows[-1]["E_total"]) < float(rows[0]["E_total"])

page = (folder / "index.html").read_text(encoding="utf-8")
assert not re.search(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", page), "the page loads something"
print(f"{folder}: {len(graphs) + 6} files verified, {len(rows)} epochs")
