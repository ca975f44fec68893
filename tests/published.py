# SPDX-License-Identifier: GPL-3.0-or-later
"""Heads in the layouts in which others publish them, made for tests: FLAME's arrays, and the pickles they come in.

`python2_pickle` writes the bytes that Python 2's cPickle wrote, with chumpy's `Ch` and SciPy's matrices as they stood
in 2017, without either of them.
"""

import struct
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csc_matrix
from scipy.spatial import ConvexHull

SKIN, BALL = 3931, 546  # vertices of FLAME's skin and of each eyeball
SHAPES, EXPRESSIONS, CORRECTIVES = 300, 100, 36
PARENTS = (-1, 0, 1, 1, 1)


def flame_arrays(shared: Path | None = None) -> dict[str, Any]:
    """FLAME's arrays by FLAME's names: float64, the regressor dense.

    With the shared material the real template, triangles, joints, weights, correctives and first 60 shape directions;
    the other directions, and without it everything, are smooth inventions of the same sizes.
    """
    partial = shared / "data" / "flame" / "flame2023_open_partial.npz" if shared else None
    real = dict(np.load(partial)) if partial and partial.is_file() else {}
    made = _geometry()
    arrays = {name: np.asarray(real.get(name, made[name])) for name in made}
    template = arrays["v_template"].astype(np.float64)
    directions = _waves(template, SHAPES + EXPRESSIONS)
    if real:
        directions[..., :60] = real["shapedirs_identity60"]
    table = np.array([PARENTS, range(5)], np.int64)
    table[0, 0] = 2**32 - 1  # as in the file: every loader puts -1 there
    floats = {name: array.astype(np.float64) for name, array in arrays.items() if name != "f"}
    return floats | {"f": arrays["f"].astype(np.uint32), "shapedirs": directions, "kintree_table": table}


def _geometry() -> dict[str, np.ndarray]:
    """An egg with two balls for eyes, of FLAME's sizes."""
    skin, faces = _ball(SKIN, np.array([0.075, 0.14, 0.09]), np.array([0, -0.02, -0.03]))
    vertices, triangles, weights = [skin], [faces], [np.zeros((SKIN, 5))]
    lift = np.clip((skin[:, 1] + 0.16) / 0.1, 0, 1)
    jaw = np.clip((-0.03 - skin[:, 1]) / 0.02, 0, 1) * np.clip(skin[:, 2] / 0.02, 0, 1) * lift
    weights[0][:, :3] = np.column_stack([1 - lift, lift - jaw, jaw])
    for side, joint in ((1, 3), (-1, 4)):
        ball, faces = _ball(BALL, np.full(3, 0.013), np.array([side * 0.0315, 0.0229, 0.0244]))
        triangles.append(faces + sum(map(len, vertices)))
        vertices.append(ball)
        weights.append(np.eye(5)[np.full(BALL, joint)])
    template = np.concatenate(vertices)
    regressor = np.zeros((5, len(template)))
    regressor[3, SKIN : SKIN + BALL] = regressor[4, SKIN + BALL :] = 1 / BALL
    for joint, height in enumerate((-0.14, -0.01, -0.02)):
        ring = np.argsort(np.abs(skin[:, 1] - height))[:9]
        regressor[joint, ring] = 1 / 9
    return {
        "v_template": template, "f": np.concatenate(triangles), "weights": np.concatenate(weights),
        "J_regressor": regressor, "posedirs": 1e-3 * _waves(template, CORRECTIVES, seed=5) / 2e-3,
    }  # fmt: skip


def _ball(count: int, radii: np.ndarray, centre: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`count` points spread over an ellipsoid, and its triangles, counter-clockwise from outside."""
    k = np.arange(count) + 0.5
    height, turn = 1 - 2 * k / count, np.pi * (1 + 5**0.5) * k
    ring = np.sqrt(1 - height**2)
    unit = np.column_stack([ring * np.cos(turn), height, ring * np.sin(turn)])
    faces = ConvexHull(unit).simplices
    corner = unit[faces]
    outside = (np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]) * corner.mean(1)).sum(1) > 0
    faces[~outside] = faces[~outside][:, ::-1]
    return unit * radii + centre, faces


def _waves(points: np.ndarray, count: int, seed: int = 3) -> np.ndarray:
    """(V, 3, count) smooth offsets of about 2 mm."""
    rng = np.random.default_rng(seed)
    phase = points @ rng.normal(0, 25, (count, 3)).T + rng.uniform(0, 6, count)
    return 2e-3 * np.sin(phase)[:, None] * rng.normal(0, 1, (3, count))


def flame_2020(arrays: dict[str, Any]) -> dict[str, Any]:
    """As in generic_model.pkl: chumpy arrays and a sparse regressor."""
    chumpy = {name: Ch(arrays[name]) for name in ("v_template", "shapedirs", "posedirs", "weights")}
    joints = arrays["J_regressor"] @ arrays["v_template"]
    rest = {"J_regressor": csc_matrix(arrays["J_regressor"]), "J": Ch(joints), "bs_style": "lbs", "bs_type": "lrotmin"}
    return chumpy | rest | {"f": arrays["f"], "kintree_table": arrays["kintree_table"]}


def flame_open(arrays: dict[str, Any]) -> dict[str, Any]:
    """As in flame2023_Open.pkl."""
    return flame_2020(arrays) | {"supr_expression_metadata": metadata(arrays)}


def metadata(arrays: dict[str, Any]) -> dict[str, Any]:
    """What 2023 Open says of its directions: the last quarter is expression."""
    count = arrays["shapedirs"].shape[2] // 4
    return {"n_expr": count, "expr_components": f"last_{count}", "supr_gender": "neutral"}


class Ch:
    """Stands for a chumpy array while it is written."""

    def __init__(self, x: np.ndarray) -> None:
        self.x = x


def python2_pickle(value: Any, *, reconstructor: bool = False) -> bytes:
    """What Python 2's cPickle wrote (protocol 2, or with `reconstructor` the older way of naming objects)."""
    return b"\x80\x02" + _written(value, reconstructor) + b"."


def _written(value: Any, old: bool) -> bytes:
    if isinstance(value, dict):
        items = b"".join(_written(k, old) + _written(v, old) for k, v in value.items())
        return b"}q\x01(" + items + b"u"
    if isinstance(value, str):
        return b"U" + bytes([len(value)]) + value.encode("latin1")
    if isinstance(value, bytes):
        return b"T" + struct.pack("<i", len(value)) + value
    if value is None or isinstance(value, bool):
        return {None: b"N", True: b"\x88", False: b"\x89"}[value]
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    if isinstance(value, tuple):
        return b"(" + b"".join(_written(item, old) for item in value) + b"t"
    if isinstance(value, list):
        return b"]q\x02(" + b"".join(_written(item, old) for item in value) + b"e"
    if isinstance(value, Ch):
        touched = b"c__builtin__\nset\n" + _written(([],), old) + b"R"
        state = b"}(" + _written("_dirty_vars", old) + touched + _written("_itr", old) + b"N"
        return _object("chumpy.ch\nCh", old) + state + _written("x", old) + _written(value.x, old) + b"ub"
    if isinstance(value, csc_matrix):
        state = {"_shape": tuple(map(int, value.shape)), "maxprint": 50, "format": "csc", "data": value.data,
                 "indices": value.indices, "indptr": value.indptr}  # fmt: skip
        return _object("scipy.sparse.csc\ncsc_matrix", old) + _written(state, old) + b"b"
    return _array(np.asarray(value), old)


def _object(name: str, old: bool) -> bytes:
    """An empty object of a class."""
    named = b"c" + name.encode() + b"\n"
    return b"ccopy_reg\n_reconstructor\n(" + named + b"c__builtin__\nobject\nNtR" if old else named + b")\x81"


def _array(array: np.ndarray, old: bool) -> bytes:
    fortran = array.ndim > 1 and array.flags.f_contiguous and not array.flags.c_contiguous
    code = array.dtype.str[1:]
    kind = b"cnumpy\ndtype\n" + _written((code, 0, 1), old) + b"R"
    kind += _written((3, "<", None, None, None, -1, -1, 0), old) + b"b"
    empty = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n" + _written((0,), old) + b"U\x01btR"
    raw = array.astype(array.dtype.newbyteorder("<")).tobytes("F" if fortran else "C")
    state = b"(" + _written(1, old) + _written(tuple(map(int, array.shape)), old) + kind + _written(fortran, old)
    return empty + state + _written(raw, old) + b"tb"
