"""Checks a packed results file through h5py: what viewers and xarray rely on. Called by test_record.c."""
import sys

import h5py
import numpy

problems = []


def check(ok, what):
    if not ok:
        problems.append(what)


with h5py.File(sys.argv[1], "r") as file:
    # The chain of default plots ends in an NXdata group with a signal and its axes.
    node, depth = file, 0
    while "default" in node.attrs and depth < 8:
        node, depth = node[node.attrs["default"]], depth + 1
    check(node.attrs.get("NX_class") == "NXdata", f"default chain ends at {node.name}, not in NXdata")
    check(node.attrs["signal"] in node, "signal is missing")
    axes = node.attrs["axes"]
    check(isinstance(axes, numpy.ndarray) and len(axes) == node[node.attrs["signal"]].ndim, "axes do not fit the signal")
    check(all(axis in node for axis in axes), "an axis is missing")

    def visit(name, node):
        for key, value in node.attrs.items():
            if key in ("DIMENSION_LIST", "REFERENCE_LIST", "CLASS", "NAME"):
                continue
            kind = h5py.check_string_dtype(node.attrs.get_id(key).dtype)
            check(kind is None or (kind.length is None and kind.encoding == "utf-8"), f"{name}@{key}: not UTF-8")
        check(not h5py.h5g.get_objinfo(node.id).mtime, f"{name}: has a time stamp")
        if not isinstance(node, h5py.Dataset):
            return
        kind = h5py.check_string_dtype(node.dtype)
        check(kind is None or (kind.length is None and kind.encoding == "utf-8"), f"{name}: text is not UTF-8")
        check(node.compression in (None, "gzip"), f"{name}: filter {node.compression}")
        if node.attrs.get("CLASS") == b"DIMENSION_SCALE":
            return
        for i, dim in enumerate(node.dims):
            check(len(dim) == 1, f"{name}: axis {i} has {len(dim)} scales")
            check(len(dim) != 1 or dim[0].shape == (node.shape[i],), f"{name}: scale of axis {i} has another length")

    file.visititems(visit)
    check(not h5py.h5g.get_objinfo(file["/"].id).mtime, "root has a time stamp")
    cell = file["cells/rev,focus.lambda=0.5@3"]
    check(cell.attrs["name"] == "rev,focus.lambda=0.5@3", "name")
    check(cell["attention/predicted"].asstr()[0, 1] == "n\u00e9", "text does not come back")
    check(cell["attention/maps"].dims[4][0].name.endswith("/x"), "axes of maps")
    check(cell["attention"].attrs["axes"].tolist() == ["step", "sample", "character", "y", "x"], "axes of attention")
    check(cell["curves/loss"][0] == 6.0, "loss does not come back")
    check(cell["curves/loss"].attrs["units"] == "1", "units")
    check(cell["evaluation/test/hit_rate"].attrs["direction"] == 1, "direction")
    check(cell["volatile/wall_seconds"].chunks is None, "volatile/ is chunked")
    check(cell["curves"] == file["cells/twin_2@3/curves"], "equal cells are stored twice")
    check(list(file["cells"]) == ["base@0", "rev,focus.lambda=0.5@3", "twin_2@3"], "order of cells")

for problem in problems:
    print("check_results.py:", problem, file=sys.stderr)
sys.exit(bool(problems))
