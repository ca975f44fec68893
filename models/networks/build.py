# SPDX-License-Identifier: GPL-3.0-or-later
"""Make face_detection.onnx and face_mesh.onnx from the tflite files inside the mediapipe 0.10.21 wheel.

The wheel is a zip file: MediaPipe is never imported, so its platform does not matter. Decoding that needs no choice is
part of the networks: the detector's anchors, the sigmoids, and the mesh's refined lips, eyes and irises.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import numpy as np
import onnx

from ..errors import MicrofaceError
from .convert import Converter
from .onnx_graph import OnnxGraph
from .tflite import read_tflite

DETECTOR_SIZE = 128  # px, input of the detector
MESH_SIZE = 192  # px, input of the mesh

_DETECTOR = "mediapipe/modules/face_detection/face_detection_short_range.tflite"
_MESH = "mediapipe/modules/face_landmark/face_landmark_with_attention.tflite"
_SCHEMA = "mediapipe/tasks/metadata/schema_py_generated.py"
_LICENCE = "mediapipe-0.10.21.dist-info/LICENSE"
_SHA256 = {
    _DETECTOR: "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
    _MESH: "e06a804e0144f9929eda782122916b35d60c697c3c9344013ca2bbe76a6ce2b4",
    _SCHEMA: "49a26cf90cdf5271271e61f61d4bf3a293da4777824c73d08f5cb9e0e2cbc29a",
    _LICENCE: "8707eef0533987efc5b155d64761eeb6e20793f50b9bd1a68dad1cf4719d0ed8",
}
_FACE_MESH = Path(__file__).resolve().parents[1] / "data" / "face_mesh.json"


def build(mediapipe_wheel: Path, out: Path) -> list[Path]:
    """Write both networks and MediaPipe's licence into `out`; the same wheel gives the same bytes.

    Returns:
        The files written.

    Raises:
        MicrofaceError: the wheel is missing, damaged or another version.
    """
    members = _read_members(mediapipe_wheel)
    out.mkdir(parents=True, exist_ok=True)
    contents = {
        out / "face_detection.onnx": _detector(members).SerializeToString(deterministic=True),
        out / "face_mesh.onnx": _mesh(members).SerializeToString(deterministic=True),
        out / "licences" / "mediapipe-LICENSE.txt": members[_LICENCE],
    }
    for path, data in contents.items():
        path.parent.mkdir(exist_ok=True)
        part = path.with_name(path.name + ".part")
        part.write_bytes(data)
        part.replace(path)
    return list(contents)


def _read_members(wheel: Path) -> dict[str, bytes]:
    remedy = "Delete it and run `python3 dev.py demo` again to fetch mediapipe 0.10.21."
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = {name: archive.read(name) for name in _SHA256}
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise MicrofaceError("bad_wheel", f"{wheel} is not the mediapipe 0.10.21 wheel: {error}.", remedy) from error
    for name, data in members.items():
        if hashlib.sha256(data).hexdigest() != _SHA256[name]:
            raise MicrofaceError("bad_wheel", f"{name} in {wheel} is not the one of mediapipe 0.10.21.", remedy)
    return members


def _detector(members: dict[str, bytes]) -> onnx.ModelProto:
    """Return the face detector.

    image (N, 128, 128, 3) uint8 rgb -> boxes (N, 896, 16): centre x, y, width, height and six keypoints x, y, all as
    fractions of the image; scores (N, 896) 0..1.
    """
    graph = OnnxGraph()
    image = graph.input("image", [DETECTOR_SIZE, DETECTOR_SIZE, 3])
    scaled = graph.node("Mul", graph.node("Cast", image, to=onnx.TensorProto.FLOAT), graph.floats(1 / 127.5))
    network = read_tflite(members[_DETECTOR], members[_SCHEMA])
    outputs = Converter(network, graph).convert(graph.node("Sub", scaled, graph.floats(1)))
    boxes = graph.node("Mul", outputs["regressors"], graph.floats(1 / DETECTOR_SIZE))
    graph.output("boxes", graph.node("Add", boxes, graph.floats(_anchors())), [896, 16])
    scores = graph.node("Reshape", outputs["classificators"], graph.ints([-1, 896]))
    graph.output("scores", graph.node("Sigmoid", scores), [896])
    return graph.model("face_detection")


def _anchors() -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Return (896, 16): what each cell adds to its regressed centre and keypoints; nothing to width and height."""
    centres = [
        ((x + 0.5) / cells, (y + 0.5) / cells)
        for cells, repeats in ((16, 2), (8, 6))
        for y in range(cells)
        for x in range(cells)
        for _ in range(repeats)
    ]
    anchors = np.tile(np.asarray(centres, np.float32), 8)
    anchors[:, 2:4] = 0
    return anchors


def _mesh(members: dict[str, bytes]) -> onnx.ModelProto:
    """Return the face mesh with attention.

    image (N, 192, 192, 3) uint8 rgb -> landmarks (N, 478, 3): x, y in px of the crop (pixel centres are integers, as
    MediaPipe cuts its crops) and relative depth in the same px, negative = nearer; presence (N, 1) 0..1.
    """
    graph = OnnxGraph()
    image = graph.input("image", [MESH_SIZE, MESH_SIZE, 3])
    scaled = graph.node("Mul", graph.node("Cast", image, to=onnx.TensorProto.FLOAT), graph.floats(1 / 255))
    outputs = Converter(read_tflite(members[_MESH], members[_SCHEMA]), graph).convert(scaled)
    graph.output("landmarks", _refined(graph, outputs), [478, 3])
    presence = graph.node("Reshape", outputs["conv_faceflag"], graph.ints([-1, 1]))
    graph.output("presence", graph.node("Sigmoid", presence), [1])
    return graph.model("face_mesh")


def _refined(graph: OnnxGraph, outputs: dict[str, str]) -> str:
    """Add (N, 478, 3): the mesh whose lips, eyes and irises are replaced by their refined landmarks (x and y only)."""
    refinement = json.loads(_FACE_MESH.read_text(encoding="utf-8"))["refinement"]
    mesh = graph.node("Reshape", outputs["output_mesh_identity"], graph.ints([-1, 468, 3]))
    parts, source = [graph.slice(mesh, 2, 0, 2)], np.arange(478)
    depth = [graph.slice(mesh, 2, 2, 3)]
    start = 468
    for part in refinement:
        indices = part["landmarks"]
        parts.append(graph.node("Reshape", outputs[part["output"]], graph.ints([-1, len(indices), 2])))
        source[indices] = np.arange(start, start + len(indices))
        start += len(indices)
        if "depth_from" in part:
            around = graph.node("Gather", depth[0], graph.ints(part["depth_from"]), axis=1)
            mean = graph.node("ReduceMean", around, axes=[1], keepdims=1)
            depth.append(graph.node("Tile", mean, graph.ints([1, len(indices), 1])))
    xy = graph.node("Gather", graph.node("Concat", *parts, axis=1), graph.ints(source), axis=1)
    return graph.node("Concat", xy, graph.node("Concat", *depth, axis=1), axis=2)
