# SPDX-License-Identifier: GPL-3.0-or-later
"""MediaPipe's three custom operators of the attention mesh, in plain ONNX.

The mesh net cuts lips and eyes out of its own feature map along a rectangle turned with the face, refines their
landmarks there, and maps these back. A transform is a 4x4 matrix from patch pixels to map pixels, as in TFLite.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .onnx_graph import OnnxGraph


def landmarks_to_transform(graph: OnnxGraph, landmarks: str, options: dict[str, Any]) -> str:
    """Add the rectangle around some landmarks, turned so that the line between two of them is level.

    Args:
        graph: the graph to add to.
        landmarks: (N, L, 3).
        options: `subset_idxs`, the two `*_rotation_idx`, `scale_x`, `scale_y`, `output_width`, `output_height`.

    Returns:
        (N, 4, 4) patch px -> landmark px.
    """
    if options["target_rotation_radians"] != 0:
        raise NotImplementedError("target_rotation_radians other than 0")
    width, height = options["output_width"], options["output_height"]
    points = graph.slice(landmarks, 2, 0, 2)
    rotation = _rotation(graph, points, options["left_rotation_idx"], options["right_rotation_idx"])  # (N, 2, 2)
    level = graph.node("MatMul", graph.node("Gather", points, graph.ints(options["subset_idxs"]), axis=1), rotation)
    high = graph.node("ReduceMax", level, axes=[1], keepdims=1)
    low = graph.node("ReduceMin", level, axes=[1], keepdims=1)
    scale = graph.node(
        "Mul", graph.node("Sub", high, low), graph.floats([options["scale_x"] / width, options["scale_y"] / height])
    )  # (N, 1, 2)
    linear = graph.node("Mul", rotation, scale)
    middle = graph.node("Mul", graph.node("Add", high, low), graph.floats(0.5))
    centre = graph.node("MatMul", rotation, graph.node("Transpose", middle, perm=[0, 2, 1]))
    shift = graph.node("MatMul", linear, graph.floats([[-width / 2], [-height / 2]]))
    return _homogeneous(graph, graph.node("Concat", linear, graph.node("Add", centre, shift), axis=2))


def transform_tensor(graph: OnnxGraph, features: str, transform: str, map_size: tuple[int, int], options: Any) -> str:
    """Add a bilinear patch of a feature map; samples outside the map are 0.

    Args:
        graph: the graph to add to.
        features: (N, C, H, W).
        transform: (N, 4, 4) patch px -> map px, where pixel centres are at halves.
        map_size: (H, W).
        options: `output_height`, `output_width` of the patch.

    Returns:
        (N, C, output_height, output_width).
    """
    height, width = options["output_height"], options["output_width"]
    y, x = (axis.ravel() + 0.5 for axis in np.mgrid[:height, :width])
    grid = graph.floats(np.stack([x, y, np.zeros_like(x), np.ones_like(x)]))
    mapped = graph.slice(graph.node("MatMul", transform, grid), 1, 0, 2)
    at = graph.node("Sub", graph.node("Transpose", mapped, perm=[0, 2, 1]), graph.floats(0.5))  # (N, h*w, 2) x, y
    last = np.array([map_size[1] - 1, map_size[0] - 1], np.float32)
    inside = graph.node(
        "And",
        graph.node("GreaterOrEqual", at, graph.floats(0)),
        graph.node("LessOrEqual", at, graph.floats(last)),
    )
    mask = graph.node("ReduceMin", graph.node("Cast", inside, to=1), axes=[2], keepdims=0)
    unit = graph.node("Sub", graph.node("Mul", at, graph.floats(2 / last)), graph.floats(1))  # -1..1 for GridSample
    samples = graph.node(
        "GridSample",
        features,
        graph.node("Reshape", unit, graph.ints([-1, height, width, 2])),
        mode="bilinear",
        padding_mode="border",
        align_corners=1,
    )
    return graph.node("Mul", samples, graph.node("Reshape", mask, graph.ints([-1, 1, height, width])))


def transform_landmarks(graph: OnnxGraph, landmarks: str, transform: str) -> str:
    """Add landmarks (N, L, 2) mapped by transform (N, 4, 4)."""
    rows = graph.slice(transform, 1, 0, 2)
    linear = graph.node("Transpose", graph.slice(rows, 2, 0, 2), perm=[0, 2, 1])
    shift = graph.node("Transpose", graph.slice(rows, 2, 3, 4), perm=[0, 2, 1])
    return graph.node("Add", graph.node("MatMul", landmarks, linear), shift)


def _rotation(graph: OnnxGraph, points: str, left: int, right: int) -> str:
    """Add (N, 2, 2) [[cos, -sin], [sin, cos]] of the angle of the line from point `left` to point `right`."""
    ends = [graph.node("Gather", points, graph.ints(index), axis=1) for index in (right, left)]
    line = graph.node("Sub", *ends)
    unit = graph.node("Div", line, graph.node("ReduceL2", line, axes=[1], keepdims=1))
    cos, sin = graph.slice(unit, 1, 0, 1), graph.slice(unit, 1, 1, 2)
    flat = graph.node("Concat", cos, graph.node("Neg", sin), sin, cos, axis=1)
    return graph.node("Reshape", flat, graph.ints([-1, 2, 2]))


def _homogeneous(graph: OnnxGraph, affine: str) -> str:
    """Add the 4x4 matrix of a 2D affine map (N, 2, 3); the z axis is left alone."""
    rows, columns = np.eye(4, 2), np.eye(4)[[0, 1, 3]]
    spread = graph.node("MatMul", graph.node("MatMul", graph.floats(rows), affine), graph.floats(columns))
    return graph.node("Add", spread, graph.floats(np.diag([0, 0, 1, 1])))
