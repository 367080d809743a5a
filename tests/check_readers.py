"""A packed results file through the readers that people use: check_readers.py xarray|silx RESULTS.h5 CELL

Every number must be the one that h5py reads, under the names of dimensions and axes that results/README.md tells.
"""
import sys

import h5py
import numpy as np

n_checks = 0


def check(ok, what):
    global n_checks
    n_checks += 1
    if not ok:
        sys.exit("check_readers.py: " + what)


def with_xarray(path, cell):
    import xarray

    with h5py.File(path, "r") as file:
        groups = {"curves": ("step",), "evaluation/valid": ("step",), "evaluation/test": ("step",)}
        for group, dims in groups.items():
            with xarray.open_dataset(path, engine="h5netcdf", group="cells/%s/%s" % (cell, group)) as data:
                there = file["cells"][cell][group]
                check(len(data.data_vars) > 3, group + " has no variables")
                check("step" in data.coords, group + " has no coordinate step")
                check(np.array_equal(data["step"], there["step"]), group + ": step")
                for name, variable in data.data_vars.items():
                    check(variable.dims == dims, "%s/%s has dimensions %s" % (group, name, variable.dims))
                    check(np.array_equal(variable, there[name], equal_nan=True), "%s/%s" % (group, name))
        with xarray.open_dataset(path, engine="h5netcdf", group="cells/%s/attention" % cell) as data:
            maps = file["cells"][cell]["attention/maps"]
            check(data["maps"].dims == ("step", "sample", "character", "y", "x"), "maps have %s" % (data["maps"].dims,))
            last = int(data["step"][-1])
            chosen = data["maps"].sel(step=last, sample=1, character=0)
            check(np.array_equal(chosen, maps[-1, 1, 0]), "a map by its coordinates")
            check(abs(float(chosen.sum()) - 1) < 1e-5, "a map is a distribution")
            check(data["centres"].dims[:3] == ("step", "sample", "character"), "centres")
        with xarray.open_dataset(path, engine="h5netcdf", group="cells/%s/memory" % cell) as data:
            rows = data["timeline_by_module"]
            check(rows.dims == ("module", "node"), "timeline_by_module has %s" % (rows.dims,))
            check("encoder" in [str(name) for name in data["module"].values], "modules by name")
            check(bool((rows.sum("module") == data["planned_bytes"]).all()), "modules do not add up to the plan")


def with_silx(path, cell):
    import silx.io
    from silx.io import nxdata

    with silx.io.open(path) as file:
        plot = nxdata.get_default(file)
        check(plot is not None and plot.is_valid, "no default plot")
        check(plot.is_curve and plot.signal_name == "loss", "the default plot is no curve of the loss")
        check(plot.axes_dataset_names[0] == "step", "its axis is %s" % plot.axes_dataset_names)
        groups = []
        file["cells"][cell].visititems(
            lambda name, node: groups.append(node) if node.attrs.get("NX_class") == "NXdata" else None
        )
        check(len(groups) >= 4, "only %d groups are NXdata" % len(groups))
        for group in groups:
            data = nxdata.NXdata(group)
            check(data.is_valid, "%s: %s" % (group.name, "; ".join(data.issues)))
            check(len(data.axes) == data.signal.ndim, "%s: axes" % group.name)


{"xarray": with_xarray, "silx": with_silx}[sys.argv[1]](*sys.argv[2:])
print("%s: %d checks" % (sys.argv[1], n_checks))
