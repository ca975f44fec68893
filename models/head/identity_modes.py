# SPDX-License-Identifier: GPL-3.0-or-later
"""Adults sampled from MakeHuman's identity targets, and the principal modes in which they differ.

A person is a linear combination of targets, so everything happens in the space of the few hundred coefficients:
modes = principal axes of the sampled coefficients in the metric of the mesh.
"""

from __future__ import annotations

import itertools
import zipfile
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .targets import identity_targets, read_target

Array = NDArray[np.float64]
Coefficients = dict[str, Array]

DETAILS = ("head", "chin", "cheek", "eyes", "eyebrows", "nose", "mouth", "forehead", "ears", "neck")
RACES = ("african", "asian", "caucasian")
SEXES = ("female", "male")
AGES = ("young", "old")  # 25 and 90 years
LEVELS = ("min", "average", "max")
OPPOSITES = {
    "decr": "incr", "down": "up", "in": "out", "backward": "forward", "concave": "convex", "compress": "uncompress",
}  # fmt: skip

#: Not adult; or a move of the whole head or neck, which is pose.
LEFT_OUT = ("-baby", "-child", "head-trans", "neck-trans")

DETAIL_SIGMA = 0.26  # of a target's full strength, which is an extreme
SIDE_SIGMA = 0.08  # difference of the two sides of a face
SEED = 20201106


@dataclass(frozen=True)
class TargetSet:
    """Identity targets as offsets of the base mesh, with the neck joint held still."""

    names: tuple[str, ...]  #: (M,)
    offsets: Array  #: (M, B, 3) m


def read_identity(wheel: zipfile.ZipFile, count: int, anchor: NDArray[np.int64]) -> TargetSet:
    """All targets that make an adult head. Macro targets move the whole body: `anchor` (the neck joint) is put back."""
    paths = identity_targets(wheel, "macrodetails")
    for folder in DETAILS:
        paths |= identity_targets(wheel, folder)
    paths = {name: path for name, path in paths.items() if not any(word in name for word in LEFT_OUT)}
    offsets = np.stack([read_target(wheel, path, count) for path in paths.values()])
    return TargetSet(tuple(paths), offsets - offsets[:, anchor].mean(1, keepdims=True))


def sample_adults(names: tuple[str, ...], count: int, seed: int) -> Array:
    """Target coefficients (count, M) of random adults: sex, age, ethnic mix, build and facial details."""
    rng = np.random.default_rng(seed)
    sampled = {**_macro(rng, count), **_details(rng, count, names)}
    return np.stack([sampled[name] for name in names], 1)


def _macro(rng: np.random.Generator, count: int) -> Coefficients:
    """Coefficients of the macro targets, which multiply: race x sex x age and sex x age x muscle x weight."""
    male = rng.beta(0.5, 0.5, count)
    old = rng.uniform(0, 0.9, count)
    sex = dict(zip(SEXES, (1 - male, male), strict=True))
    age = dict(zip(AGES, (1 - old, old), strict=True))
    race = dict(zip(RACES, rng.dirichlet((0.7, 0.7, 0.7), count).T, strict=True))
    muscle, weight = (_levels(np.clip(rng.normal(0.5, 0.22, count), 0, 1)) for _ in range(2))
    out = {f"{r}-{s}-{a}": race[r] * sex[s] * age[a] for r, s, a in itertools.product(RACES, SEXES, AGES)}
    for s, a, m, w in itertools.product(SEXES, AGES, LEVELS, LEVELS):
        out[f"universal-{s}-{a}-{m}muscle-{w}weight"] = sex[s] * age[a] * muscle[m] * weight[w]
    return out


def _levels(value: Array) -> Coefficients:
    """Shares of min, average and max for values in 0..1."""
    low, high = np.clip(1 - 2 * value, 0, 1), np.clip(2 * value - 1, 0, 1)
    return {"min": low, "average": 1 - low - high, "max": high}


def _details(rng: np.random.Generator, count: int, names: tuple[str, ...]) -> Coefficients:
    """Coefficients of the detail targets: opposite targets are the two ends of one axis, sides nearly agree."""
    out: Coefficients = {}
    for name in (n for n in names if not n.startswith(("universal-", *(f"{r}-" for r in RACES)))):
        stem, _, end = name.rpartition("-")
        if end in OPPOSITES.values() or name.startswith("r-"):
            continue
        twin = f"{stem}-{OPPOSITES[end]}" if end in OPPOSITES else None
        common = rng.normal(0, DETAIL_SIGMA * _caution(name), count)
        for side in ("l-", "r-") if name.startswith("l-") else ("",):
            value = common + (rng.normal(0, SIDE_SIGMA, count) if side else 0)
            value = np.clip(value, -1, 1)
            if twin:
                out[_sided(twin, side)] = np.maximum(value, 0)
                value = -value
            out[_sided(name, side)] = np.maximum(value, 0)
    return out


def _caution(name: str) -> float:
    """A feature beside the middle of the face is an asymmetry: rare. The rest of a head varies freely."""
    return 0.25 if name in ("nose-trans-in", "mouth-trans-in") else 1.0


def _sided(name: str, side: str) -> str:
    return side + name.removeprefix("l-") if side else name


def principal_modes(basis: Array, coefficients: Array, weight: Array, count: int) -> tuple[Array, Array]:
    """Mean coefficients (M,) and modes (count, M), one sigma each, strongest first.

    Args:
        basis: (M, V, 3) offsets of the head's vertices per unit coefficient.
        coefficients: (N, M) sampled people.
        weight: (V,) importance of a vertex.
        count: modes wanted.
    """
    mean = coefficients.mean(0)
    value, axis = np.linalg.eigh(np.cov(coefficients.T))
    spread = axis * np.sqrt(np.clip(value, 0, None))  # columns: directions of unit variance
    flat = (basis * np.sqrt(weight)[:, None]).reshape(len(basis), -1)
    power, turn = np.linalg.eigh(spread.T @ (flat @ flat.T) @ spread)
    modes = (spread @ turn[:, np.argsort(-power, kind="stable")[:count]]).T
    sign = np.sign(modes[np.arange(count), np.abs(modes).argmax(1)])  # a mode's sign is free: fix it, builds must agree
    return mean, modes * sign[:, None]
