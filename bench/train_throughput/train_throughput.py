#!/usr/bin/env python3
"""Training throughput of mote against Python PyTorch; see README.md."""
import argparse
import json
import math
import statistics
import subprocess
import sys
import time

import torch
from torch import nn

BATCH = 128


def conv_bn(inputs, outputs, kernel, stride, groups=1, relu=True):
    layers = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(outputs)]
    return layers + [nn.ReLU(inplace=True)] if relu else layers


class Separable(nn.Module):
    def __init__(self, inputs, outputs, stride, residual):
        super().__init__()
        self.body = nn.Sequential(*conv_bn(inputs, inputs, 3, stride, inputs), *conv_bn(inputs, outputs, 1, 1, relu=False))
        self.residual = residual and inputs == outputs and stride == 1

    def forward(self, x):
        y = self.body(x)
        return torch.relu(y + x if self.residual else y)


class Residual(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.body = nn.Sequential(*conv_bn(inputs, outputs, 3, stride), *conv_bn(outputs, outputs, 3, 1, relu=False))
        same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same else nn.Sequential(*conv_bn(inputs, outputs, 1, stride, relu=False))

    def forward(self, x):
        return torch.relu(self.body(x) + self.shortcut(x))


def head(channels):
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)]


def ds_cnn():
    layers, inputs = conv_bn(1, 16, 3, 1), 16
    for outputs, stride in [(40, 2), (40, 1), (40, 1), (80, 2), (80, 1), (80, 1), (104, 2), (104, 1)]:
        layers.append(Separable(inputs, outputs, stride, True))
        inputs = outputs
    return nn.Sequential(*layers, *head(inputs)), (1, 28, 28)


def resnet8():
    blocks = [Residual(16, 16, 1), Residual(16, 32, 2), Residual(32, 64, 2)]
    return nn.Sequential(*conv_bn(3, 16, 3, 1), *blocks, *head(64)), (3, 32, 32)


def mobilenet_v1():
    layers, inputs = conv_bn(3, 8, 3, 2), 8
    rows = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)] + [(512, 1)] * 5 + [(1024, 2), (1024, 1)]
    for channels, stride in rows:
        layers.append(Separable(inputs, channels // 4, stride, False))
        inputs = channels // 4
    return nn.Sequential(*layers, *head(inputs)), (3, 64, 64)


MODELS = {"ds_cnn": (ds_cnn, 6400), "resnet8": (resnet8, 3200), "mobilenet_v1": (mobilenet_v1, 3200)}


def run_torch(name, threads, samples, epochs):
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    model, shape = MODELS[name][0]()
    model = model.to(memory_format=torch.channels_last).train()
    images = torch.rand(samples, *shape).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (samples,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=1e-4)
    seconds = []
    for _ in range(epochs):
        start = time.perf_counter()
        order = torch.randperm(samples)
        for first in range(0, samples, BATCH):
            chosen = order[first:first + BATCH]
            optimizer.zero_grad(set_to_none=True)
            nn.functional.cross_entropy(model(images[chosen]), labels[chosen]).backward()
            optimizer.step()
        seconds.append(time.perf_counter() - start)
    return {"parameters": sum(p.numel() for p in model.parameters()), "seconds": seconds[1:]}


def run_mote(program, name, threads, samples, epochs):
    return json.loads(subprocess.check_output([program, name, str(threads), str(samples), str(epochs)]))


def run_torch_apart(name, threads, samples, epochs):
    """In a process of its own, as mote runs."""
    command = [sys.executable, __file__, "--torch-only", name, "--threads", str(threads), "--epochs", str(epochs)]
    return json.loads(subprocess.check_output(command))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", nargs="?", help="mote_train_throughput")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=4, help="the first of each run is not counted")
    parser.add_argument("--torch-only", metavar="MODEL")
    args = parser.parse_args()
    if args.torch_only:
        print(json.dumps(run_torch(args.torch_only, args.threads, MODELS[args.torch_only][1], args.epochs)))
        return
    ratios = []
    print(f"{'model':14} {'parameters':>10} {'mote /s':>10} {'torch /s':>10} {'ratio':>6}   ({args.threads} threads)")
    for name, (_, samples) in MODELS.items():
        ours, theirs = [], []
        for _ in range(args.rounds):
            mote = run_mote(args.program, name, args.threads, samples, args.epochs)
            reference = run_torch_apart(name, args.threads, samples, args.epochs)
            assert mote["parameters"] == reference["parameters"], (name, mote["parameters"], reference["parameters"])
            ours += mote["seconds"]
            theirs += reference["seconds"]
        rate, torch_rate = samples / statistics.median(ours), samples / statistics.median(theirs)
        ratios.append(rate / torch_rate)
        print(f"{name:14} {mote['parameters']:10} {rate:10.0f} {torch_rate:10.0f} {ratios[-1]:6.2f}", flush=True)
    print(f"geometric mean of the ratios: {math.prod(ratios) ** (1 / len(ratios)):.2f}")


if __name__ == "__main__":
    main()
