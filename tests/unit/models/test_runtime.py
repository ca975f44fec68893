# SPDX-License-Identifier: GPL-3.0-or-later
"""Which device a network runs on, and what is said when it cannot."""

import numpy as np
import pytest
from microface.models import runtime
from microface.models.assets import asset_path
from microface.models.errors import MicrofaceError


def test_auto_ends_at_a_device_that_works():
    session = runtime.session(asset_path("face_mesh.onnx"), threads=1)
    assert session.device in runtime.available_devices()
    landmarks, presence = session.run(np.zeros((2, 192, 192, 3), np.uint8), "landmarks", "presence")
    assert landmarks.shape == (2, 478, 3)
    assert presence.shape == (2, 1)
    assert (presence < 0.01).all()


def test_a_batch_gives_what_single_pictures_give():
    session = runtime.session(asset_path("face_detection.onnx"), "cpu", threads=1)
    pictures = np.random.default_rng(0).integers(0, 255, (3, 128, 128, 3), dtype=np.uint8)
    boxes, scores = session.run(pictures, "boxes", "scores")
    for i in range(3):
        box, score = session.run(pictures[i : i + 1], "boxes", "scores")
        assert np.allclose(box[0], boxes[i], atol=1e-4)
        assert np.allclose(score[0], scores[i], atol=1e-5)


def test_the_cpu_is_always_there():
    session = runtime.session(asset_path("face_mesh.onnx"), "cpu")
    assert (session.device, session.fallback) == ("cpu", "")
    assert runtime.available_devices()[-1] == "cpu"


def test_a_device_that_is_not_built_in_is_refused_with_the_reason():
    missing = next(device for device in runtime.PROVIDERS if device not in runtime.available_devices())
    with pytest.raises(MicrofaceError, match=f"Device {missing} cannot be used: this ONNX Runtime is built without"):
        runtime.session(asset_path("face_mesh.onnx"), missing)


def test_an_unknown_device_is_refused():
    with pytest.raises(MicrofaceError, match="Choose one of auto, cuda, directml, coreml, cpu"):
        runtime.session(asset_path("face_mesh.onnx"), "quantum")


@pytest.mark.parametrize("content", [b"", b"no network"])
def test_a_broken_network_is_named(tmp_path, content):
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(MicrofaceError, match=r"broken\.onnx cannot be loaded"):
        runtime.session(path)


def test_a_missing_asset_says_how_to_build_it():
    with pytest.raises(MicrofaceError, match=r"no_such\.onnx is missing\. .*dev\.py"):
        asset_path("no_such.onnx")
