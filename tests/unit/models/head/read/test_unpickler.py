# SPDX-License-Identifier: GPL-3.0-or-later
"""Pickles of heads are read as Python reads them; anything else is refused without being run."""

import pickle
import pickletools
import struct
import sys
import types

import numpy as np
import pytest
from microface.models.head.read.pickled import Damaged, Refused
from microface.models.head.read.unpickler import unpickle
from scipy.sparse import csc_array, csc_matrix, csr_matrix

TABLE = np.arange(12.0).reshape(3, 4)
SPARSE = csc_matrix(np.array([[0, 2.5, 0, 0], [1, 0, 0, -3.0]]))


@pytest.fixture
def chumpy(monkeypatch):
    """A stand-in, so that Python's own reader can be asked what a file means."""
    module = types.ModuleType("chumpy.ch")
    module.Ch = type("Ch", (), {"__module__": "chumpy.ch"})
    monkeypatch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
    monkeypatch.setitem(sys.modules, "chumpy.ch", module)


@pytest.mark.parametrize("old", [False, True])
def test_python_2_pickles_mean_what_python_says(old, published, chumpy):
    things = {"v_template": published.Ch(TABLE), "f": TABLE.astype(np.uint32), "turned": np.asfortranarray(TABLE),
              "J_regressor": SPARSE, "bs_type": "lrotmin", "meta": {"n_expr": 100, "big": TABLE.astype(">f4")}}  # fmt: skip
    data = published.python2_pickle(things, reconstructor=old)
    truth = pickle.loads(data, encoding="latin1")
    found = unpickle(data)
    assert list(found) == list(truth)
    np.testing.assert_array_equal(found["v_template"], truth["v_template"].x)
    np.testing.assert_array_equal(found["turned"], truth["turned"])
    assert found["f"].dtype == truth["f"].dtype == np.uint32
    np.testing.assert_array_equal(found["J_regressor"], truth["J_regressor"].toarray())
    assert found["bs_type"] == "lrotmin" and found["meta"]["n_expr"] == 100
    np.testing.assert_array_equal(found["meta"]["big"], truth["meta"]["big"])


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("sparse", [SPARSE, csr_matrix(SPARSE), csc_array(SPARSE)], ids=["csc", "csr", "csc_array"])
def test_python_3_pickles(protocol, sparse):
    things = {
        "v": TABLE,
        "turned": np.asfortranarray(TABLE),
        "j": sparse,
        "n": np.float64(2.5),
        "words": ["a", ("b", 1)],
    }
    found = unpickle(pickle.dumps(things, protocol))
    np.testing.assert_array_equal(found["v"], TABLE)
    np.testing.assert_array_equal(found["turned"], TABLE)
    np.testing.assert_array_equal(found["j"], SPARSE.toarray())
    assert found["n"] == 2.5 and found["words"] == ["a", ("b", 1)]


class _Runs:
    """Pickled, it is a call."""

    def __init__(self, called, *arguments):
        self.call = called, arguments

    def __reduce__(self):
        return self.call


def _calls(module, name, argument=b"U\x04true"):
    return b"\x80\x02c" + f"{module}\n{name}\n".encode() + argument + b"\x85R."


RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"
EMPTY = RECONSTRUCT + b"(cnumpy\nndarray\n(K\x00tU\x01btR"
FLOAT = b"cnumpy\ndtype\n(U\x02f8K\x00K\x01tR(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
OBJECT = FLOAT.replace(b"f8", b"O8").replace(b"U\x01<", b"U\x01|")
HOSTILE = {
    "os.system": _calls("os", "system"),
    "posix.system": _calls("posix", "system"),
    "builtins.eval": _calls("builtins", "eval"),
    "Python 2's eval": _calls("__builtin__", "eval"),
    "getattr": _calls("builtins", "getattr"),
    "a dotted name": pickle.dumps(_Runs(eval, "1"), 4).replace(b"eval", b"exec"),
    "subprocess by __reduce__": pickle.dumps(_Runs(__import__("subprocess").Popen, "true"), 5),
    "numpy's own loader": _calls("numpy", "load"),
    "numpy's f2py": _calls("numpy.f2py.crackfortran", "myeval"),
    "attributes of a module": b"\x80\x04\x8c\x05numpy\x8c\x0dndarray.dumps\x93.",
    "a name that is no text": b"\x80\x04]]\x93.",
    "_reconstruct called as a class": RECONSTRUCT.join((b"\x80\x02", b")\x81.")),
    "_reconstruct given a state": b"\x80\x02" + RECONSTRUCT + b"}U\x01aK\x01sb.",
    "the state of a list": b"\x80\x02]}U\x01aK\x01sb.",
    "a class given a state": b"\x80\x02cchumpy.ch\nCh\n}U\x01aK\x01sb.",
    "an instance of ndarray": b"\x80\x02cnumpy\nndarray\n)\x81.",
    "Ch with arguments": b"\x80\x02cchumpy.ch\nCh\n(K\x01t\x81.",
    "a call of a list": b"\x80\x02])R.",
    "a reconstructor of a builtin": b"\x80\x02ccopy_reg\n_reconstructor\n(c__builtin__\nset\nc__builtin__\nobject\nNtR.",
    "persistent id": b"\x80\x02U\x01aQ.",
    "nested persistent ids": b"(P1\nP2\nQt.",
    "extension registry": b"\x80\x02\x82\x01.",
    "old instance": b"(ios\nsystem\n.",
    "old object": b"\x80\x02(cos\nsystem\nU\x04trueo.",
    "objects in an array": b"\x80\x02" + EMPTY + b"(K\x01K\x02\x85" + OBJECT + b"\x89](NNetb.",
    "another encoding": b"\x80\x02c_codecs\nencode\n(U\x01aU\x03rottR.",
    "out-of-band buffer": b"\x80\x05\x97.",
    "keys that may take for ever to hash": b"\x80\x02})K\x01s.",
    "duplicates": b"\x80\x02K\x012\x86.",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pickle_is_refused_and_not_run(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    with pytest.raises((Refused, Damaged)):
        unpickle(HOSTILE[name])
    assert set(sys.modules) - before == set()
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_names_what_the_file_wanted_on_one_line():
    with pytest.raises(Refused, match=r"it wants 'os\.system'"):
        unpickle(HOSTILE["os.system"])
    with pytest.raises(Refused) as caught:
        unpickle(b"\x80\x04\x8c\x06\x1b[2J\n\n\x8c\x01a\x93.")
    assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value)


def test_every_whitelisted_name_is_harmless_when_called_at_random():
    """Whatever a file calls by an allowed name, it gets plain data or a refusal."""
    from microface.models.head.read.unpickler import KINDS

    for name in KINDS:
        call = b"c" + name.replace(" ", "\n").encode() + b"\n"
        for arguments in (b")", b"(U\x04truet", b"((lt", b"(cnumpy\nndarray\n](K\x01et", b"(U\x08__import__U\x02ost"):
            for tail in (b"R.", b"\x81.", b"R}U\x01xK\x01sb.", b"R(K\x01K\x01K\x01K\x01K\x01tb."):
                try:
                    found = unpickle(b"\x80\x02" + call + arguments + tail)
                except (Refused, Damaged):
                    continue
                assert found is None or isinstance(found, list | bytes | np.ndarray | dict)


def _array(shape, data=b"\0" * 8, kind=FLOAT):
    return b"\x80\x02" + EMPTY + b"(K\x01" + shape + kind + b"\x89T" + struct.pack("<i", len(data)) + data + b"tb."


def _deep():
    """Lists that hold lists: written out, 2^60 items."""
    return b"".join((b"]q\x00", *(b"](h" + bytes([k]) + b"h" + bytes([k]) + b"eq" + bytes([k + 1]) for k in range(60))))


HUGE = {
    "a shape beyond its bytes": _array(b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86"),
    "a shape that overflows": _array(b"\x8a\x09\0\0\0\0\0\0\0\0\x01\x8a\x09\0\0\0\0\0\0\0\0\x01\x86"),
    "a negative shape": _array(b"J\xff\xff\xff\xffJ\xf8\xff\xff\xff\x86"),
    "many axes": _array(b"(" + b"K\x01" * 40 + b"t"),
    "an array of a number of bytes": b"\x80\x02" + EMPTY + b"(K\x01J\xff\xff\xff\x7f\x85" + FLOAT + b"\x89J\xff\xff\xff\x7ftb.",
    "bytes that are not there": b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b"a.",
    "a byte array that is not there": b"\x80\x05\x96" + struct.pack("<Q", 2**60) + b"a.",
    "text that is not there": b"\x80\x02T" + struct.pack("<i", 2**31 - 1) + b"a.",
    "a number that is not there": b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"a.",
    "the same bytes a thousand times": b"\x80\x02U\xc8" + b"a" * 200 + b"q\x00" + 1000 * b"c_codecs\nencode\n(h\x00U\x06latin1tR",
    "a huge sparse matrix": pickle.dumps({"j": csc_matrix((5, 4))}, 2).replace(b"K\x05K\x04", b"J\0\0\0\x70K\x04"),
    "arrays of nested lists": b"\x80\x02cscipy.sparse.csc\ncsc_matrix\n)\x81}(U\x06_shapeK\x02K\x02\x86U\x04data" + _deep()
                              + b"U\x07indices]U\x06indptr]ub.",
    "a name of nested lists": b"\x80\x04" + _deep() + b"\x93.",
    "a matrix that holds itself": b"\x80\x02cscipy.sparse.csc\ncsc_matrix\n)\x81q\x00}U\x04datah\x00sb.",
    "an array that holds itself": b"\x80\x02cchumpy.ch\nCh\n)\x81q\x00}U\x01xh\x00sb.",
    "a chain of matrices": b"\x80\x02" + 900 * b"cscipy.sparse.csc\ncsc_matrix\n)\x81}U\x06indptr" + b"N" + 900 * b"sb" + b".",
    "endless opcodes": b"\x80\x02" + b"]" * 300_000 + b".",
}  # fmt: skip


@pytest.mark.parametrize("name", HUGE)
def test_claims_allocate_nothing(name):
    import tracemalloc

    tracemalloc.start()
    try:
        with pytest.raises((Refused, Damaged)):
            unpickle(HUGE[name])
        assert tracemalloc.get_traced_memory()[1] < 60e6
    finally:
        tracemalloc.stop()


def test_memos_and_frames_of_any_size_cost_nothing():
    assert unpickle(b"\x80\x02K\x01r\xff\xff\xff\x7f.") == 1
    assert unpickle(b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"K\x01.") == 1


def test_a_pickle_cut_anywhere_is_damaged(published):
    data = published.python2_pickle({"a": published.Ch(TABLE), "j": SPARSE})
    for end in range(len(data)):
        with pytest.raises((Refused, Damaged)):
            unpickle(data[:end])


def test_damaged_bytes_never_do_worse(published):
    data = published.python2_pickle({"a": published.Ch(TABLE), "j": SPARSE, "n": 3})
    rng = np.random.default_rng(0)
    for _ in range(3000):
        changed = bytearray(data)
        for place in rng.integers(0, len(data), rng.integers(1, 4)):
            changed[place] = rng.integers(0, 256)
        try:
            unpickle(bytes(changed))
        except (Refused, Damaged):
            continue


def test_only_known_opcodes_are_known():
    """All 68 of Python's: what is not plain data ends in a refusal, not in an attribute of the machine."""
    from microface.models.head.read import unpickler

    known = {op.name for op in pickletools.opcodes if hasattr(unpickler._Machine, f"_{op.name.lower()}")}
    assert known == {
        "MARK", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "LIST", "FROZENSET", "APPEND", "APPENDS", "ADDITEMS", "DICT",
        "SETITEM", "SETITEMS", "GLOBAL", "STACK_GLOBAL", "NEWOBJ", "REDUCE", "BUILD",
    }  # fmt: skip
