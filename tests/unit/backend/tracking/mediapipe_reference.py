# SPDX-License-Identifier: GPL-3.0-or-later
"""Landmarks by MediaPipe 0.10.21 itself, the truth that our tracker is measured against.

Run it in an environment of its own:

    python3.11 -m venv reference
    reference/bin/pip install --no-deps mediapipe==0.10.21 numpy==1.26.4 protobuf==4.25.8
    reference/bin/python tests/unit/backend/tracking/mediapipe_reference.py PICTURES.npz LANDMARKS.npz

PICTURES holds (H, W, 3) uint8 rgb arrays; LANDMARKS gets (478, 3) x, y and depth in px under the same names.
`astronaut_landmarks.json` is what it gave for `skimage.data.astronaut()` of scikit-image 0.26.0, rounded to 0.0001 px.
"""

import importlib
import site
import sys
import types
from pathlib import Path

import numpy as np


def face_mesh_module():
    """Import MediaPipe's face mesh without its other packages, which want jax, OpenCV and matplotlib."""
    folder = next(path for path in map(Path, site.getsitepackages()) if (path / "mediapipe").is_dir())
    for name in ("mediapipe", "mediapipe.python", "mediapipe.python.solutions"):
        package = types.ModuleType(name)
        package.__path__ = [str(folder.joinpath(*name.split(".")))]
        sys.modules[name] = package
    return importlib.import_module("mediapipe.python.solutions.face_mesh")


def main(pictures: str, out: str) -> None:
    options = {"static_image_mode": True, "refine_landmarks": True, "max_num_faces": 1, "min_detection_confidence": 0.5}
    landmarks = {}
    with face_mesh_module().FaceMesh(**options) as mesh, np.load(pictures) as images:
        for name, rgb in images.items():
            height, width = rgb.shape[:2]
            points = mesh.process(rgb).multi_face_landmarks[0].landmark
            landmarks[name] = np.array([[p.x * width, p.y * height, p.z * width] for p in points])
    np.savez(out, **landmarks)


if __name__ == "__main__":
    main(*sys.argv[1:])
