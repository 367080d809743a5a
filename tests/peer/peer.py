"""A training step of refocus, done again by PyTorch in double precision.

    peer.py TRACE.h5 ...

Takes settings, inputs and parameters from traces of `refocus trace`, computes the step from the papers' formulas, and
compares the loss (1e-5), every activation and every gradient by name (1e-4 of the tensor's largest magnitude), and what
the update leaves behind. Nothing of refocus is imported. A named tensor that is not reproduced here is an error, too.
"""
import sys

import h5py
import numpy as np
import torch
from torch.nn import functional as F

LOSS, TENSOR = 1e-5, 1e-4


def read_settings(text):
    """The nested block mapping that refocus writes -> {"model.blstm": "8"}."""
    out, path = {}, []
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        depth = (len(line) - len(line.lstrip())) // 2
        key, _, value = line.strip().partition(":")
        path = path[:depth] + [key]
        if value.strip():
            out[".".join(path)] = value.strip()
    return out


class Step:
    """The graph of one step: every tensor that has a name there."""

    def __init__(self, trace):
        self.set = read_settings(trace["settings"][()].decode())
        self.given = {}
        for name, data in trace["values"].items():
            if data.attrs["role"] in ("param", "input", "optimiser"):
                value = torch.from_numpy(np.asarray(data[()]))
                real = value.dtype.is_floating_point
                self.given[name] = value.double().requires_grad_(True) if real else value.long()
        self.made = {}  # name -> value
        self.stacked = {}  # a buffer of all steps -> what its slices are called

    def p(self, name):
        return self.given[name]

    def name(self, name, value):
        """Names a value, and keeps its gradient."""
        if value.dtype.is_floating_point:
            if not value.requires_grad:
                value = value.clone().requires_grad_(True)
            value.retain_grad()
        self.made[name] = value
        return value

    # ---- layers; maps are [N,H,W,C] ----

    def conv_norm(self, scope, x, stride=(1, 1), pad=(1, 1, 1, 1), relu=True):
        """Convolution without bias and batch norm; pad: left, right, top, bottom."""
        w = self.p(scope + ".w").permute(3, 2, 0, 1)
        y = F.conv2d(F.pad(x.permute(0, 3, 1, 2), pad), w, stride=stride).permute(0, 2, 3, 1)
        y = self.name(scope + ".conv", y)
        mean = y.mean((0, 1, 2))
        var = ((y - mean) ** 2).mean((0, 1, 2))
        inv_std = self.name(scope + ".norm.inv_std", (var + 1e-5) ** -0.5)
        self.name(scope + ".norm.mean", mean)
        z = (y - mean) * inv_std * self.p(scope + ".gamma") + self.p(scope + ".beta")
        n = y.numel() // y.shape[-1]
        self.after[scope + ".running_mean"] = 0.9 * self.p(scope + ".running_mean") + 0.1 * mean
        self.after[scope + ".running_var"] = 0.9 * self.p(scope + ".running_var") + 0.1 * var * n / (n - 1)
        return self.name(scope + ".norm", torch.relu(z) if relu else z)

    def pool(self, scope, x, kernel, stride=None, pad_w=0):
        stride = stride or kernel
        padded = F.pad(x.permute(0, 3, 1, 2), (pad_w, pad_w, 0, 0), value=-float("inf"))
        y, at = F.max_pool2d(padded, kernel, stride, return_indices=True)
        row, column = at // padded.shape[3], at % padded.shape[3]
        row = row - torch.arange(y.shape[2])[:, None] * stride[0]
        column = column - torch.arange(y.shape[3])[None, :] * stride[1]
        self.name(scope + ".index", (row * kernel[1] + column).permute(0, 2, 3, 1))
        return self.name(scope, y.permute(0, 2, 3, 1))

    def lstm(self, x, state, cell, w_x, w_h, bias):
        """One step -> state, cell, gates i f g o after their nonlinearities."""
        i, f, g, o = (x @ w_x + state @ w_h + bias).chunk(4, dim=-1)
        i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
        cell = f * cell + i * g
        return o * torch.tanh(cell), cell, torch.cat((i, f, g, o), dim=-1)

    def blstm(self, scope, x):  # [N,L,D] -> [N,L,2H]
        n, length, _ = x.shape
        states, cells, gates = [], [], []
        for d, direction in enumerate(("forward", "backward")):
            w_x, w_h, b_x, b_h = (self.p(f"{scope}.{direction}.{w}") for w in ("w_x", "w_h", "b_x", "b_h"))
            state = cell = x.new_zeros(n, w_h.shape[0])
            rows = [None] * length
            for t in range(length) if d == 0 else reversed(range(length)):
                state, cell, gate = self.lstm(x[:, t], state, cell, w_x, w_h, b_x + b_h)
                rows[t] = state, cell, gate
            for into, k in ((states, 0), (cells, 1), (gates, 2)):
                into.append(torch.stack([row[k] for row in rows], dim=1))
        self.name(scope + ".cells", torch.stack(cells))
        self.name(scope + ".gates", torch.stack(gates))
        return self.name(scope, torch.cat(states, dim=2))

    # ---- encoders ----

    def crnn_small(self, x):
        for i, kernel in enumerate(((2, 2), (2, 2), (2, 1), (2, 1)), 1):
            x = self.conv_norm(f"encoder.conv{i}", x)
            self.map, x = x, self.pool(f"encoder.pool{i}", x, kernel)
        return self.conv_norm("encoder.conv5", x, pad=(0, 0, 0, 0))

    def block(self, scope, x):
        into = x
        if scope + ".shortcut.w" in self.given:
            into = self.conv_norm(scope + ".shortcut", x, pad=(0, 0, 0, 0), relu=False)
        x = self.conv_norm(scope + ".first", x)
        x = self.conv_norm(scope + ".second", x, relu=False)
        return self.name(scope + ".out", torch.relu(self.name(scope + ".sum", x + into)))

    def resnet32(self, x):
        x = self.conv_norm("encoder.conv1.second", self.conv_norm("encoder.conv1.first", x))
        x = self.pool("encoder.pool1", x, (2, 2))
        for stage, n in ((2, 1), (3, 2), (4, 5), (5, 3)):
            for i in range(1, n + 1):
                x = self.block(f"encoder.conv{stage}.{i}", x)
            if stage < 5:
                x = self.conv_norm(f"encoder.conv{stage}", x)
            if stage == 2:
                x = self.pool("encoder.pool2", x, (2, 2))
            elif stage == 3:
                self.map, x = x, self.pool("encoder.pool3", x, (2, 2), (2, 1), pad_w=1)
        x = self.conv_norm("encoder.conv5.down", x, stride=(2, 1), pad=(1, 1, 0, 0))
        return self.conv_norm("encoder.conv5.last", x, pad=(0, 0, 0, 0))

    def encode(self, image):
        x = (self.crnn_small if self.set["model.encoder"] == "crnn-small" else self.resnet32)(image)
        x = x.squeeze(1)
        for i in range(1, int(self.set.get("model.blstm_layers", 1)) + 1 if int(self.set["model.blstm"]) else 1):
            x = self.blstm("encoder.blstm" + ("" if i == 1 else str(i)), x)
        return x

    # ---- decoder: Bahdanau attention and an LSTM, teacher-forced ----

    def decode(self, features):
        token_in = self.p("token_in")
        n_steps, n = token_in.shape
        keys = self.name("decoder.keys", features @ self.p("decoder.keys.w") + self.p("decoder.keys.b"))
        embedded = self.name("decoder.embedding", F.embedding(token_in.clamp(min=0), self.p("decoder.embedding.table"))
                             * (token_in >= 0)[..., None])
        hidden = self.p("decoder.attention.w").shape[0]
        state = self.name("decoder.state_0", features.new_zeros(n, hidden))
        cell = self.name("decoder.cell_0", features.new_zeros(n, hidden))
        w = self.p("decoder.lstm.w")
        w_x, w_h = w[:-hidden], w[-hidden:]
        bias = self.p("decoder.lstm.b_x") + self.p("decoder.lstm.b_h")
        for t in range(n_steps):
            scope = f"decoder.t{t:02d}"
            query = state @ self.p("decoder.attention.w")
            energy = torch.tanh(query[:, None] + keys) @ self.p("decoder.attention.v")
            alpha = torch.softmax(energy, dim=1)
            glimpse = (alpha[:, :, None] * features).sum(1)
            # Clones are what other nodes see: their gradient is what comes from those, not from inside the op.
            self.name(scope + ".attention.query", query)
            self.name(scope + ".attention.alpha", alpha.clone())
            glimpse = self.name(scope + ".attention.glimpse", glimpse)
            state, cell, gates = self.lstm(torch.cat((embedded[t], glimpse), dim=1), state, cell, w_x, w_h, bias)
            state = self.name(scope + ".lstm.state", state)
            cell = self.name(scope + ".lstm.cell", cell.clone())
            self.name(scope + ".lstm.gates", gates)
        for buffer, part in (("state", "lstm.state"), ("glimpse", "attention.glimpse"), ("alpha", "attention.alpha")):
            self.stacked["decoder." + buffer] = [f"decoder.t{t:02d}.{part}" for t in range(n_steps)]
            self.made["decoder." + buffer] = torch.stack([self.made[s] for s in self.stacked["decoder." + buffer]])
        return self.name("decoder.logits", self.made["decoder.state"] @ self.p("decoder.out.w")
                         + self.made["decoder.glimpse"] @ self.p("decoder.out.w2") + self.p("decoder.out.b"))

    # ---- branches ----

    def has_box(self):
        box = self.p("box")
        return box[..., 2] > box[..., 0]

    def overlap(self):
        """[T,N,L]: the part of each position's cell inside the box."""
        x, box = self.p("focus.positions"), self.p("box")
        cell = x[1] - x[0]
        low = torch.maximum(x - cell / 2, box[..., 0:1])
        high = torch.minimum(x + cell / 2, box[..., 2:3])
        return ((high - low) / cell).clamp(min=0)

    def mass(self):
        mass = (self.made["decoder.alpha"] * self.overlap()).sum(2)
        rows = -torch.log(mass + float(self.set["focus.epsilon"]))
        return self.name("focus.loss", rows[self.has_box()].sum() * self.p("inv_boxes"))

    def kl(self):
        box, x = self.p("box"), self.p("focus.positions")
        if self.set["focus.target"] == "gaussian":
            width = (box[..., 2] - box[..., 0]).clamp(min=float(self.set["focus.min_width"]))
            away = (x - (box[..., 0:1] + box[..., 2:3]) / 2) / (float(self.set["focus.sigma"]) * width)[..., None]
            q = torch.softmax(-away ** 2 / 2, dim=2)
        else:
            q = self.overlap()
            q = q / q.sum(2, keepdim=True).clamp(min=1e-30)  # steps without a box have none of it
        rows = -(q * torch.log(self.made["decoder.alpha"] + float(self.set["focus.epsilon"]))).sum(2)
        return self.name("focus.loss", rows[self.has_box()].sum() * self.p("inv_boxes"))

    def of_box(self, name, a, b):
        parts = self.name(f"focus.{name}.parts", self.p("box") * torch.tensor([a, 0, b, 0]))
        return self.name("focus." + name, parts.sum(2, keepdim=True))

    def per_width(self):
        """[T,N,1]: 1 / width of the box, 0 without one."""
        least = float(self.set["focus.min_width"])
        width = self.of_box("width", -1, 1)
        none = self.name("focus.none", torch.relu(self.name("focus.thin", 1 - 1e6 * width)))
        more = self.name("focus.more", torch.relu(self.name("focus.beyond", width - least)))
        log_wide = self.name("focus.log_wide", torch.log(self.name("focus.wide", more + least)))
        inverse = self.name("focus.inverse", torch.exp(self.name("focus.minus", -log_wide)))
        return self.name("focus.per_width", self.name("focus.has_box", 1 - none) * inverse)

    def smooth_l1(self, d):
        right = self.name("focus.right", torch.relu(d))
        left = self.name("focus.left", torch.relu(self.name("focus.minus_off", -d)))
        size = self.name("focus.size", right + left)
        excess = self.name("focus.excess", torch.relu(self.name("focus.over", size - 1)))
        rest = self.name("focus.rest", size + self.name("focus.minus_excess", -excess))
        square = self.name("focus.square", rest * self.name("focus.copy", rest.clone()))
        smooth = self.name("focus.smooth", excess + self.name("focus.half", square / 2))
        assert torch.allclose(smooth, F.smooth_l1_loss(d, torch.zeros_like(d), reduction="none"))
        return smooth

    def centre(self):
        alpha, x = self.made["decoder.alpha"], self.p("focus.positions")
        spread, squared = float(self.set["focus.spread"]), self.set["focus.error"] == "square"
        scale = self.per_width()
        minus_middle = self.of_box("minus_middle", -0.5, -0.5)
        centre = self.name("focus.centre", self.name("focus.alpha_x", alpha * x).sum(2, keepdim=True))
        off = self.name("focus.off", self.name("focus.error", centre + minus_middle) * scale)
        if squared:
            cost = self.name("focus.square", off * self.name("focus.copy", off.clone()))
        else:
            cost = self.smooth_l1(off)
        if spread > 0:
            around = self.name("focus.around", centre.detach())
            from_centre = self.name("focus.from_centre", x + self.name("focus.minus_centre", -around))
            away = self.name("focus.away", from_centre * scale)
            square = self.name("focus.away_square", away ** 2)
            wide = self.name("focus.spread", self.name("focus.alpha_square", alpha * square).sum(2, keepdim=True))
            cost = self.name("focus.cost", cost + self.name("focus.weighted_spread", spread * wide))
        return self.name("focus.loss", self.name("focus.sum", cost.sum()) * self.p("inv_boxes"))

    def of_features(self):
        return self.set["focus.kind"] == "lowrank" or self.set["focus.source"] == "features"

    def crop(self, centre_x, centre_y, source=None):
        """Patches [T,N,P,C] around the centres, and the class of each pixel [T,N,P]: -1 without a box."""
        features = self.of_features()
        mask, box = self.p("mask"), self.p("box")
        if source is None:
            source = self.map if features else self.p("image")
        stride = (mask.shape[1] // source.shape[1], mask.shape[2] // source.shape[2]) if features else (1, 1)
        h, w = (-(-int(s) // d) for s, d in zip(self.set["focus.patch"].strip("[]").split(","), stride))
        n_chars = int(self.p("decoder.out.b").shape[0]) - 1
        outside = n_chars if self.set.get("focus.background", "true") == "true" else -1
        row = torch.floor(centre_y / stride[0]).long()[..., None] - h // 2 + torch.arange(h)
        column = torch.floor(centre_x / stride[1]).long()[..., None] - w // 2 + torch.arange(w)
        row, column = torch.broadcast_tensors(row[..., :, None], column[..., None, :])
        inside = (row >= 0) & (row < source.shape[1]) & (column >= 0) & (column < source.shape[2])
        n = torch.arange(source.shape[0])[None, :, None, None].expand_as(row)
        r, c = row.clamp(0, source.shape[1] - 1), column.clamp(0, source.shape[2] - 1)
        patch = source[n, r, c] * inside[..., None]
        y, x = ((r + 0.5) * stride[0]).long(), ((c + 0.5) * stride[1]).long()
        label = mask[n, y.clamp(max=mask.shape[1] - 1), x.clamp(max=mask.shape[2] - 1)]
        label = torch.where(inside & (label >= 0) & (label < n_chars), label, torch.tensor(outside))
        if self.set["focus.labels"] == "target":
            b = box[:, :, None, None]
            own = (x >= b[..., 0]) & (x < b[..., 2]) & (y >= b[..., 1]) & (y < b[..., 3])
            label = torch.where(own, label, torch.tensor(outside))
        label = torch.where(self.has_box()[..., None, None], label, torch.tensor(-1))
        return patch.flatten(2, 3), label.flatten(2, 3)

    def energies(self):
        """R g + S F + b, [T,N,P,*], through tanh if asked for; and the labels [T,N,P]."""
        alpha_x = self.name("focus.alpha_x", self.made["decoder.alpha"] * self.p("focus.positions"))
        centre = self.name("focus.centre_x", alpha_x.sum(2)).detach()
        centre_x = self.name("focus.centre", centre)
        centre_y = self.name("focus.centre_y", torch.full_like(centre, self.p("image").shape[1] / 2))
        patch, label = self.crop(centre_x.detach(), centre_y.detach())
        patch = self.name("focus.patch", patch)
        self.name("focus.patch.label", label)
        w = self.p("focus.pixels.w")
        pixels = self.name("focus.pixels", patch @ w)
        u = self.name("focus.glimpse", self.made["decoder.glimpse"] @ self.p("focus.glimpse.w")
                      + self.p("focus.glimpse.b"))
        energy = self.name("focus.energy", pixels + u[:, :, None])
        if self.set["focus.tanh"] == "true":
            energy = self.name("focus.tanh", torch.tanh(energy))
        return energy, label

    def over_pixels(self, nll):
        loss = self.name("focus.per_box", self.name("focus.sum", nll.sum()) * self.p("inv_boxes"))
        if self.set["focus.reduction"] == "mean":
            loss = self.name("focus.loss", loss / nll.shape[2])
        return loss

    def by_label(self, energy, label):
        log_p = self.name("focus.log_p", torch.log_softmax(energy, dim=3))
        nll = -log_p.gather(3, label.clamp(min=0)[..., None]).squeeze(3)
        return self.over_pixels(self.name("focus.nll", nll * (label >= 0)))

    def original(self):
        return self.by_label(*self.energies())

    def lowrank(self):
        narrow, label = self.energies()
        classes = self.name("focus.classes", narrow @ self.p("focus.classes.w") + self.p("focus.classes.b"))
        return self.by_label(classes, label)

    def binary(self):
        energy, label = self.energies()
        log_p = self.name("focus.log_p", torch.log_softmax(energy, dim=3))
        ink, paper = label < label.new_tensor(self.p("decoder.out.b").shape[0] - 1), label >= 0
        one = self.name("focus.is", torch.stack((paper & ~ink, paper & ink), dim=3).double())
        right = self.name("focus.right", self.name("focus.picked", log_p * one).sum(3))
        return self.over_pixels(self.name("focus.nll", -right))

    # ---- the step ----

    def run(self):
        self.after = {}
        logits = self.decode(self.encode(self.p("image")))
        label = self.p("label")
        log_z = torch.logsumexp(logits, dim=2)
        self.made["loss.recognition.log_z"] = log_z * (label >= 0)
        rows = log_z - logits.gather(2, label.clamp(min=0)[..., None]).squeeze(2)
        loss = self.name("loss.recognition", rows[label >= 0].sum() * self.p("inv_chars"))
        kind = self.set["focus.kind"]
        if kind != "none":
            focus = getattr(self, kind)()
            a = self.name("loss.weighted_recognition", loss * self.p("loss.one_minus_lambda"))
            b = self.name("loss.weighted_focus", focus * self.p("loss.lambda"))
            loss = self.name("loss.total", a + b)
        self.loss = loss
        loss.backward()
        if self.set.get("focus.implementation") == "fused":
            self.add_saved()

    def add_saved(self):
        """What the fused op keeps for its backward pass: gradients of the sum over pixels, without its weight."""
        weight = self.gradient("focus.sum")
        dz = self.gradient("focus.energy") / weight
        self.made["focus.loss"] = self.made.get("focus.loss", self.made["focus.per_box"])
        self.made["focus.loss.du"] = dz.sum(2)
        self.made["focus.loss.dw_pixel"] = torch.einsum("tnpc,tnpk->ck", self.made["focus.patch"], dz)
        if self.of_features():
            source = self.map.detach().requires_grad_(True)
            patch, _ = self.crop(self.made["focus.centre"].detach(), self.made["focus.centre_y"].detach(), source)
            pulled = (patch * (dz @ self.p("focus.pixels.w").T)).sum()
            self.made["focus.loss.dmap"] = torch.autograd.grad(pulled, source)[0]

    def gradient(self, name):
        if name in self.stacked:
            return torch.stack([self.gradient(s) for s in self.stacked[name]])
        value = self.made[name] if name in self.made else self.given[name]
        return value.grad if value.grad is not None else torch.zeros_like(value)

    def update(self, traced):
        """Adam on the clipped gradient (Kingma & Ba 2015): on the traced ones, which have been compared, because its
        first steps make as much of a gradient that is next to nothing as of a large one."""
        lr, step, decay, beta1, beta2, epsilon = self.p("update.hyper")[:6].tolist()
        weights = [n[len("update."):-len(".m")] for n in self.given if n.startswith("update.") and n.endswith(".m")]
        gradient = {n: torch.from_numpy(np.asarray(traced[n][()])).double() for n in weights}
        norm = torch.sqrt(sum((g ** 2).sum() for g in gradient.values()))
        limit = float(self.p("update.clip"))
        factor = limit / float(norm) if 0 < limit < float(norm) else 1.0
        for n in weights:
            w, m, v = self.p(n), self.p(f"update.{n}.m"), self.p(f"update.{n}.v")
            g = gradient[n] * factor + decay * w
            m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g ** 2
            self.after[f"update.{n}.m"], self.after[f"update.{n}.v"] = m, v
            self.after[n] = w - lr * (m / (1 - beta1 ** step)) / (torch.sqrt(v / (1 - beta2 ** step)) + epsilon)


class Comparison:
    def __init__(self):
        self.n, self.worst, self.wrong = 0, (0.0, "none"), []

    def add(self, name, got, expected):
        expected = expected.detach().numpy().reshape(got.shape) if got.shape else expected.detach().numpy()
        scale = max(float(np.abs(expected).max()), 1e-12)
        error = float(np.abs(got - expected).max()) / scale
        self.n += 1
        self.worst = max(self.worst, (error, name))
        if not error <= TENSOR:
            self.wrong.append(f"{name}: off by {error:.2e} of its largest magnitude {scale:.3g}")


def compare(path):
    trace = h5py.File(path, "r")
    step = Step(trace)
    step.run()
    step.update(trace["gradients"])
    values, gradients, after = Comparison(), Comparison(), Comparison()
    missing = []
    for name, data in trace["values"].items():
        if data.attrs["role"] != "activation" or data.attrs["module"] == "update":
            continue
        if name in step.made:
            values.add("values/" + name, data[()], step.made[name])
        else:
            missing.append("values/" + name)
    for name, data in trace["gradients"].items():
        if name in step.made or name in step.given:
            gradients.add("gradients/" + name, data[()], step.gradient(name))
        else:
            missing.append("gradients/" + name)
    for name, data in trace["after"].items():
        if name in step.after:
            after.add("after/" + name, data[()], step.after[name])
        else:
            missing.append("after/" + name)
    off = abs(float(step.loss) - trace.attrs["loss"]) / max(1.0, abs(float(step.loss)))
    print(f"{trace.attrs['cell']}, step {trace.attrs['step']}: loss {float(step.loss):.9g}, off by {off:.1e}; "
          + "; ".join(f"{c.n} {what}, worst {c.worst[0]:.1e} ({c.worst[1].split('/')[-1]})"
                      for what, c in (("values", values), ("gradients", gradients), ("updates", after))))
    wrong = values.wrong + gradients.wrong + after.wrong + [m + ": not reproduced" for m in missing]
    if not off <= LOSS:
        wrong.append(f"loss: {trace.attrs['loss']:.9g}, expected {float(step.loss):.9g}")
    for line in wrong:
        print("  " + line)
    return not wrong


if __name__ == "__main__":
    torch.set_num_threads(1)
    results = [compare(path) for path in sys.argv[1:]]  # all of them, whatever the first says
    sys.exit(0 if results and all(results) else 1)
