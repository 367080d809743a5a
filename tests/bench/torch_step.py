"""PyTorch's side of `make bench`: the same model, the same pictures, one thread.

    torch_step.py LINES_FILE nchw|channels_last

Serves on stdin: a line "N" runs N training steps and answers with one line, "WALL_MS CPU_MS LOSS" of each step.
The model is crnn-small (5 convolutions, BLSTM 64+64) with the attention decoder of FAN: 180,752 + 183,973 parameters.
Nothing of refocus is imported; `bench_step write` has drawn the lines.
"""
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

ATTENTION, STATE, EMBEDDING, BLSTM = 96, 128, 32, 64


def read_lines(path):
    """-> header dict, list of batches (image [N,3,H,W], token_in [T,N], label [T,N])."""
    with open(path, "rb") as file:
        magic, n_batches, n, h, w, t, k = np.frombuffer(file.read(28), "<i4")
        assert magic == 0x31424652, "not a file of bench_step"
        batches = []
        for _ in range(n_batches):
            image = np.frombuffer(file.read(4 * n * h * w * 3), "<f4").reshape(n, h, w, 3)
            token_in = np.frombuffer(file.read(4 * t * n), "<i4").reshape(t, n)
            label = np.frombuffer(file.read(4 * t * n), "<i4").reshape(t, n)
            batches.append((torch.from_numpy(image.transpose(0, 3, 1, 2).copy()),
                            torch.from_numpy(token_in.astype(np.int64)), torch.from_numpy(label.astype(np.int64))))
    return {"chars": int(k), "steps": int(t)}, batches


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        layers, channels = [], 3
        for out, pool in ((16, (2, 2)), (32, (2, 2)), (64, (2, 1)), (96, (2, 1))):
            layers += [nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True),
                       nn.MaxPool2d(pool)]
            channels = out
        layers += [nn.Conv2d(96, 96, (2, 1), bias=False), nn.BatchNorm2d(96), nn.ReLU(inplace=True)]
        self.convolutions = nn.Sequential(*layers)
        self.blstm = nn.LSTM(96, BLSTM, bidirectional=True, batch_first=True)

    def forward(self, image):  # [N,3,32,W] -> [N,W/4,128]
        features = self.convolutions(image)
        return self.blstm(features.squeeze(2).transpose(1, 2).contiguous())[0]


class Decoder(nn.Module):
    def __init__(self, n_chars):
        super().__init__()
        features = 2 * BLSTM
        self.embedding = nn.Embedding(n_chars + 2, EMBEDDING)
        self.from_features = nn.Linear(features, ATTENTION)
        self.from_state = nn.Linear(STATE, ATTENTION, bias=False)
        self.score = nn.Linear(ATTENTION, 1, bias=False)
        self.cell = nn.LSTMCell(EMBEDDING + features, STATE)
        self.out = nn.Linear(STATE + features, n_chars + 1)

    def forward(self, features, token_in):  # [N,L,128], [T,N] -> [T,N,K+1]
        n = features.shape[0]
        projected = self.from_features(features)
        embedded = self.embedding(token_in.clamp(min=0))
        state = features.new_zeros(n, STATE), features.new_zeros(n, STATE)
        seen = []
        for t in range(token_in.shape[0]):
            energy = torch.tanh(projected + self.from_state(state[0]).unsqueeze(1))
            alpha = torch.softmax(self.score(energy).squeeze(2), dim=1)
            glimpse = torch.bmm(alpha.unsqueeze(1), features).squeeze(1)
            state = self.cell(torch.cat((embedded[t], glimpse), dim=1), state)
            seen.append(torch.cat((state[0], glimpse), dim=1))
        return self.out(torch.stack(seen))


class Trainer:
    def __init__(self, path, layout):
        header, self.batches = read_lines(path)
        torch.manual_seed(0)
        self.encoder, self.decoder = Encoder(), Decoder(header["chars"])
        n_encoder, n_decoder = (sum(p.numel() for p in m.parameters()) for m in (self.encoder, self.decoder))
        assert (n_encoder, n_decoder) == (180752, 183973), (n_encoder, n_decoder)
        if layout == "channels_last":
            self.encoder = self.encoder.to(memory_format=torch.channels_last)
            self.batches = [(i.to(memory_format=torch.channels_last), t, l) for i, t, l in self.batches]
        self.parameters = list(self.encoder.parameters()) + list(self.decoder.parameters())
        self.optimizer = torch.optim.Adam(self.parameters, lr=3e-3)
        self.n_done = 0

    def step(self):
        image, token_in, label = self.batches[self.n_done % len(self.batches)]
        self.n_done += 1
        self.optimizer.zero_grad(set_to_none=True)
        logits = self.decoder(self.encoder(image), token_in)
        loss = F.cross_entropy(logits.flatten(0, 1), label.flatten(), ignore_index=-1)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 5.0)
        self.optimizer.step()
        return float(loss.detach())


def blas():
    """Which matrix library PyTorch has loaded: "reference" is Debian's default, an order of magnitude slower."""
    with open("/proc/self/maps") as maps:
        loaded = maps.read()
    return next((name for name in ("openblas", "blis", "mkl", "atlas") if name in loaded), "reference")


def main():
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    trainer = Trainer(sys.argv[1], sys.argv[2])
    trainer.encoder(trainer.batches[0][0])
    print("ready PyTorch %s, %s BLAS" % (torch.__version__, blas()), flush=True)
    for line in sys.stdin:
        answers = []
        for _ in range(int(line)):
            wall, cpu = time.perf_counter(), time.process_time()
            loss = trainer.step()
            answers.append("%.4f %.4f %.6f" % (1e3 * (time.perf_counter() - wall), 1e3 * (time.process_time() - cpu),
                                               loss))
        print(" ".join(answers), flush=True)


if __name__ == "__main__":
    main()
