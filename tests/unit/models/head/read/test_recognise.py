# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a user points at, the answer is a head or one line with a remedy."""

import io
import pickle
import struct
import zipfile

import numpy as np
import pytest
from microface.backend.heads import load_head
from microface.models.errors import MicrofaceError
from microface.models.head.read.recognise import read_any_head


@pytest.fixture(scope="module")
def flame(flame_arrays, published):
    return published.python2_pickle(published.flame_2020(flame_arrays))


def _npz(**arrays):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _lying_npz(shape, kind="<f8", body=b"", stored=None):
    """An array that claims a shape which it has not."""
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    member = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + body
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("v_template.npy", member)
    return buffer.getvalue()


NOT_HEADS = {
    "nothing": (b"", "bad_head"),
    "text": (b"solid head\nfacet normal 0 0 0\n", "bad_head"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "bad_head"),
    "a zip of other things": (b"PK\x05\x06" + bytes(18), "bad_head"),
    "a zip cut short": (b"PK\x03\x04" + bytes(30), "bad_head"),
    "other arrays": (_npz(landmarks=np.zeros(3), time_s=np.zeros(2)), "bad_head"),
    "no arrays": (pickle.dumps([1, 2]), "bad_head"),
    "a landmark embedding": (pickle.dumps({"lmk_face_idx": np.zeros(51, int)}, 2), "bad_head"),
    "a claim of terabytes": (_lying_npz((10**12,)), "bad_head"),
    "a claim that overflows": (_lying_npz((2**40, 2**40)), "bad_head"),
    "a negative claim": (_lying_npz((-1,), body=bytes(8)), "bad_head"),
    "a header of code": (_lying_npz("__import__('os').getcwd()"), "bad_head"),
    "a compound type": (_lying_npz((1,), kind="<f8,<f8", body=bytes(16)), "bad_head"),
    "a hostile pickle": (b"\x80\x02cos\nsystem\nU\x04true\x85R.", "unsafe_head"),
    "a hostile object in an npz": (_lying_npz((), "|O", b"cposix\nsystem\n(S'true'\ntR."), "unsafe_head"),
}


@pytest.mark.parametrize("name", NOT_HEADS)
def test_a_file_that_is_no_head(name, tmp_path):
    content, code = NOT_HEADS[name]
    path = tmp_path / "some file.pkl"
    path.write_bytes(content)
    with pytest.raises(MicrofaceError) as caught:
        read_any_head(path)
    assert caught.value.code == code
    assert "some file.pkl" in caught.value.text and "\n" not in str(caught.value) and len(str(caught.value)) < 500
    assert caught.value.remedy


def test_a_truncated_flame_says_so(flame, tmp_path):
    path = tmp_path / "generic_model.pkl"
    for end in (1, 10, 200, len(flame) // 2, len(flame) - 1):
        path.write_bytes(flame[:end])
        with pytest.raises(MicrofaceError, match=r"generic_model\.pkl is not a head that can be read") as caught:
            read_any_head(path)
        assert caught.value.code == "bad_head"


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(MicrofaceError, match="There is no file") as caught:
        load_head(str(tmp_path / "gone.pkl"))
    assert caught.value.code == "no_file"
    with pytest.raises(MicrofaceError, match="the folder holds no head") as caught:
        load_head(str(tmp_path))
    assert caught.value.code == "bad_head"


def test_a_folder_with_one_flame_and_with_several(flame, tmp_path):
    (tmp_path / "FLAME2020").mkdir()
    (tmp_path / "FLAME2020" / "generic_model.pkl").write_bytes(flame)
    (tmp_path / "flame_static_embedding.pkl").write_bytes(b"")  # of FLAME_PyTorch: no head
    assert len(read_any_head(tmp_path).template) == 5023
    (tmp_path / "FLAME2020" / "male_model.pkl").write_bytes(flame)
    with pytest.raises(MicrofaceError, match=r"several heads: generic_model\.pkl, male_model\.pkl") as caught:
        load_head(str(tmp_path))
    assert caught.value.code == "several_heads"


def test_the_built_in_head_is_still_the_default(generic):
    assert load_head("generic").sha256 == generic.sha256
