# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage in and out, against pictures and clocks that the tests make themselves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from microface.backend.errors import MicrofaceError
from microface.backend.video import frames, open_clip, write_video

ROOT = Path(__file__).resolve().parents[3]
WIDTH, HEIGHT = 64, 48


def picture(index: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """(H, W, 3) uint8: smooth colours that move, with the frame's number in the brightness of a block."""
    y, x = np.mgrid[:height, :width]
    wave = [60 * np.sin((x * a + y * b) / 9 + index / 5) + 120 for a, b in ((1, 0), (0, 1), (0.7, 0.7))]
    rgb = np.stack(wave, -1)
    rgb[:8, :8] = 16 + 3 * (index % 70)
    return rgb.astype(np.uint8)


def encode(
    path: Path,
    planes: Iterator[av.VideoFrame] | list[av.VideoFrame],
    codec: str = "libx264",
    stamps: Callable[[int], int] = lambda i: i,
    time_base: Fraction = Fraction(1, 25),
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    range_: int | None = None,
) -> Path:
    """Frames as they are, with clocks as given."""
    with av.open(str(path), "w", options=container or {}) as target:
        stream = None
        for index, frame in enumerate(planes):
            if stream is None:
                stream = target.add_stream(codec, rate=25, options=options or {})
                stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, frame.format.name
                stream.codec_context.time_base = stream.time_base = time_base
                if range_ is not None:
                    stream.codec_context.color_range = range_
            frame.pts, frame.time_base = stamps(index), time_base
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return path


def yuv(count: int, pixel_format: str = "yuv420p") -> list[av.VideoFrame]:
    return [av.VideoFrame.from_ndarray(picture(i), "rgb24").reformat(format=pixel_format) for i in range(count)]


def luma_frame(samples: np.ndarray, pixel_format: str) -> av.VideoFrame:
    """A frame whose first plane is `samples` and whose chroma is neutral."""
    frame = av.VideoFrame(samples.shape[1], samples.shape[0], pixel_format)
    for number, plane in enumerate(frame.planes):
        middle = 1 << (frame.format.components[0].bits - 1)
        values = samples if number == 0 else np.full((plane.height, plane.width), middle, samples.dtype)
        rows = np.zeros((plane.height, plane.line_size // samples.itemsize), samples.dtype)
        rows[:, : plane.width] = values
        plane.update(rows.tobytes())
    return frame


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 frames, B-frames, a keyframe every 12, open groups of pictures, index first."""
    return encode(
        tmp_path_factory.mktemp("video") / "movie.mp4",
        yuv(60),
        options={"g": "12", "bf": "3", "crf": "2", "x264-params": "open-gop=1:scenecut=0:threads=1"},
        container={"movflags": "+faststart"},
    )


# ---------------------------------------------------------------- clocks


def test_constant_rate(movie: Path) -> None:
    clip = open_clip(movie)
    assert (clip.width, clip.height, clip.bit_depth) == (WIDTH, HEIGHT, 8)
    np.testing.assert_allclose(clip.time_s, np.arange(60) / 25, atol=1e-9)
    assert clip.fps == pytest.approx(25)


@pytest.mark.parametrize("name", ["movie.mkv", "movie.mov", "movie.mp4"])
def test_variable_rate_keeps_every_stamp(tmp_path: Path, name: str) -> None:
    gaps = np.random.default_rng(1).integers(3, 90, 40)
    milliseconds = np.cumsum(gaps) - gaps[0]
    path = encode(
        tmp_path / name,
        yuv(40),
        stamps=lambda i: int(milliseconds[i]),
        time_base=Fraction(1, 1000),
        options={"bf": "2"},
    )
    clip = open_clip(path)
    np.testing.assert_allclose(clip.time_s, milliseconds / 1000, atol=1e-9)
    assert [frame.time_s for frame in frames(clip)] == clip.time_s.tolist()


def test_transport_streams_start_late_and_avi_in_order(tmp_path: Path) -> None:
    for name in ("a.ts", "a.avi", "a.webm", "a.mpg"):
        codec = {"a.webm": "libvpx", "a.mpg": "mpeg1video"}.get(name, "libx264")
        clip = open_clip(encode(tmp_path / name, yuv(30), codec=codec, options={"b": "4000000"}))
        assert len(clip.time_s) == 30, name
        np.testing.assert_allclose(np.diff(clip.time_s), 1 / 25, atol=1e-9, err_msg=name)
        decoded = list(frames(clip))
        assert [frame.index for frame in decoded] == list(range(30)), name
        for frame in [*decoded, *frames(clip, 20, 23)]:
            assert frame.luma[1:7, 1:7].mean() == pytest.approx(16 + 3 * frame.index, abs=2.5), (name, frame.index)


def test_raw_streams_run_at_their_nominal_rate(tmp_path: Path) -> None:
    clip = open_clip(encode(tmp_path / "a.h264", yuv(30)))
    np.testing.assert_allclose(clip.time_s, np.arange(30) / 25, atol=1e-9)
    for frame in frames(clip, 7, 11):
        assert frame.luma[1:7, 1:7].mean() == pytest.approx(16 + 3 * frame.index, abs=1.4)


def test_real_variable_rate_footage(shared: Path) -> None:
    path = shared / "data/video/face_noface.mov"
    with av.open(str(path)) as source:
        stamps = sorted(p.pts * p.time_base for p in source.demux(video=0) if p.pts is not None)
    clip = open_clip(path)
    assert len(clip.time_s) == 169
    assert (clip.width, clip.height) == (960, 540)
    assert clip.time_s.tolist() == [float(stamp) for stamp in stamps]
    assert np.ptp(np.diff(clip.time_s)) > 0.005  # it does vary


# ---------------------------------------------------------------- random access


@pytest.mark.parametrize("name", ["movie", "face_noface.mov", "bbaf2n.mpg", "single_face.mp4"])
def test_any_range_equals_the_same_part_of_a_full_pass(name: str, movie: Path, shared: Path) -> None:
    clip = open_clip(movie if name == "movie" else shared / "data/video" / name)
    everything = [frame.luma[::4, ::4].copy() for frame in frames(clip)]
    assert len(everything) == len(clip.time_s)
    for start in np.random.default_rng(0).integers(0, len(everything), 12).tolist():
        part = list(frames(clip, start, start + 3))
        assert [frame.index for frame in part] == list(range(len(everything)))[start : start + 3]
        for frame in part:
            assert np.array_equal(frame.luma[::4, ::4], everything[frame.index])


def test_steps(movie: Path) -> None:
    clip = open_clip(movie)
    assert [frame.index for frame in frames(clip, 5, 50, 7)] == list(range(5, 50, 7))
    assert [frame.index for frame in frames(clip, 58)] == [58, 59]
    assert list(frames(clip, 60)) == []
    assert list(frames(clip, 9, 9)) == []


def test_frames_show_what_was_encoded(movie: Path) -> None:
    """The block in the corner carries the number of the frame: no frame is late, early or doubled."""
    clip = open_clip(movie)
    for frame in frames(clip, 30, 60, 5):
        assert frame.luma[1:7, 1:7].mean() == pytest.approx(16 + 3 * frame.index, abs=1.4)


# ---------------------------------------------------------------- pictures


@pytest.mark.parametrize(
    ("pixel_format", "bits", "full"),
    [
        ("yuv420p", 8, False),
        ("yuvj420p", 8, True),
        ("yuv420p10le", 10, False),
        ("yuv422p10le", 10, True),
        ("yuv444p12le", 12, False),
        ("yuv420p16le", 16, False),
        ("gray", 8, True),
        ("gray10le", 10, True),
        ("gray16le", 16, True),
    ],
)
def test_luma_keeps_every_bit_on_the_scale_of_rgb(tmp_path: Path, pixel_format: str, bits: int, full: bool) -> None:
    """Lossless FFV1: luma is the sample itself, stretched: black 0, white 255; RGB agrees to 1.5 levels."""
    unit = 1 << (bits - 8)
    low, high = (0, (1 << bits) - 1) if full else (16 * unit, 235 * unit)
    samples = np.linspace(low, high, HEIGHT * WIDTH).round().astype(np.uint8 if bits == 8 else np.uint16)
    samples = samples.reshape(HEIGHT, WIDTH)
    coded = "yuv420p" if pixel_format == "yuvj420p" else pixel_format
    frame = luma_frame(samples, coded)
    frame.color_range = 2 if full else 1
    path = encode(tmp_path / "a.mkv", [frame], codec="ffv1", range_=2 if full else 1)
    clip = open_clip(path)
    (decoded,) = frames(clip)
    assert clip.bit_depth == bits
    assert decoded.luma.dtype == np.float32
    np.testing.assert_allclose(decoded.luma, (samples - float(low)) / (high - low) * 255, atol=1e-3)
    assert np.abs(decoded.rgb.astype(float) - decoded.luma[..., None]).max() < 1.5


def test_lossless_rgb_video(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mkv", [av.VideoFrame.from_ndarray(picture(3), "rgb24").reformat(format="bgr0")], "ffv1")
    (frame,) = frames(open_clip(path))
    assert np.array_equal(frame.rgb, picture(3))
    np.testing.assert_allclose(frame.luma, picture(3) @ np.array([0.299, 0.587, 0.114]), atol=1e-3)


def test_colour_follows_the_tagged_matrix(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", [picture(2)] * 3, fps=25, crf=0)
    frame = next(frames(open_clip(tmp_path / "a.mp4")))
    inside = np.s_[10:, 10:]  # away from the block's edge, which 4:2:0 blurs
    assert np.abs(frame.rgb[inside].astype(int) - picture(2)[inside]).mean() < 1.5
    rec709 = picture(2)[inside] @ np.array([0.2126, 0.7152, 0.0722])
    assert np.abs(frame.luma[inside] - rec709).mean() < 0.5


@pytest.mark.parametrize(("quarter_turns", "matrix"), [(1, (0, -1, 1, 0)), (2, (-1, 0, 0, -1)), (3, (0, 1, -1, 0))])
def test_the_rotation_flag_is_honoured(
    tmp_path: Path, movie: Path, quarter_turns: int, matrix: tuple[int, ...]
) -> None:
    """The track header's matrix maps (x, y) to (a x + c y, b x + d y); (0, -1, 1, 0) turns counter-clockwise."""
    plain = next(frames(open_clip(movie)))
    data = bytearray(movie.read_bytes())
    at = data.index(b"tkhd") + 44
    a, b, c, d = (int(value * 65536).to_bytes(4, "big", signed=True) for value in matrix)
    data[at : at + 8], data[at + 12 : at + 20] = a + b, c + d
    (tmp_path / "turned.mp4").write_bytes(data)
    clip = open_clip(tmp_path / "turned.mp4")
    assert (clip.width, clip.height) == ((HEIGHT, WIDTH) if quarter_turns % 2 else (WIDTH, HEIGHT))
    turned = next(frames(clip))
    assert np.array_equal(turned.luma, np.rot90(plain.luma, quarter_turns))
    assert np.array_equal(turned.rgb, np.rot90(plain.rgb, quarter_turns))


# ---------------------------------------------------------------- one frame to folders


def test_one_frame(tmp_path: Path) -> None:
    clip = open_clip(encode(tmp_path / "a.mp4", yuv(1)))
    assert len(clip.time_s) == 1 and clip.fps == 25
    assert [frame.index for frame in frames(clip)] == [0]
    cv2.imwrite(str(tmp_path / "photo.png"), picture(0)[..., ::-1])
    (frame,) = frames(open_clip(tmp_path / "photo.png"))
    assert np.array_equal(frame.rgb, picture(0))


def test_image_folders_are_sorted_by_number(tmp_path: Path) -> None:
    for index in range(12):
        cv2.imwrite(str(tmp_path / f"frame{index}.png"), picture(index)[..., ::-1])
    (tmp_path / "notes.txt").write_text("not an image")
    clip = open_clip(tmp_path)
    assert len(clip.time_s) == 12 and clip.fps == 25
    for frame in frames(clip, 1, None, 3):
        assert np.array_equal(frame.rgb, picture(frame.index))
        np.testing.assert_allclose(frame.luma, picture(frame.index) @ np.array([0.299, 0.587, 0.114]), atol=1e-3)


def test_sixteen_bit_grey_images(tmp_path: Path) -> None:
    samples = np.linspace(0, 65535, HEIGHT * WIDTH).astype(np.uint16).reshape(HEIGHT, WIDTH)
    cv2.imwrite(str(tmp_path / "a1.tif"), samples)
    clip = open_clip(tmp_path)
    (frame,) = frames(clip)
    assert clip.bit_depth == 16
    np.testing.assert_allclose(frame.luma, samples / 257, atol=1e-4)
    assert frame.rgb.shape == (HEIGHT, WIDTH, 3) and frame.rgb.max() == 255


def test_the_hash_of_a_folder_sees_names_and_contents(tmp_path: Path) -> None:
    hashes = set()
    for name, value in (("a1.png", 0), ("a1.png", 9), ("a2.png", 9)):
        for old in tmp_path.iterdir():
            old.unlink()
        cv2.imwrite(str(tmp_path / name), np.full((8, 8), value, np.uint8))
        hashes.add(open_clip(tmp_path).sha256)
    assert len(hashes) == 3


# ---------------------------------------------------------------- bad input


def refused(path: Path) -> MicrofaceError:
    with pytest.raises(MicrofaceError) as caught:
        list(frames(open_clip(path)))
    assert "\n" not in str(caught.value) and str(path.name) in str(caught.value)
    return caught.value


def test_files_that_are_no_video(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.txt").write_text("hello " * 500)
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(5000))
    (tmp_path / "folder").mkdir()
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n")
    codes = {
        name: refused(tmp_path / name).code for name in ("none.mp4", "empty.mp4", "text.txt", "noise.mp4", "folder")
    }
    assert codes == {
        "none.mp4": "no_file",
        "empty.mp4": "empty",
        "text.txt": "not_video",
        "noise.mp4": "not_video",
        "folder": "not_video",
    }
    assert refused(tmp_path / "list.m3u8").code in ("not_video", "truncated")


def test_sound_without_pictures(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.wav"), "w") as target:
        stream = target.add_stream("pcm_s16le", rate=8000)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.rate = 8000
        target.mux(stream.encode(frame))
    assert refused(tmp_path / "a.wav").code == "not_video"


@pytest.mark.parametrize("part", [0.35, 0.6, 0.9, 0.99])
def test_a_truncated_file_ends_where_decoding_ends(tmp_path: Path, movie: Path, part: float) -> None:
    whole = open_clip(movie)
    data = movie.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: int(len(data) * part)])
    clip = open_clip(tmp_path / "cut.mp4")
    assert 0 < len(clip.time_s) < 60
    decoded = list(frames(clip))
    assert [frame.time_s for frame in decoded] == clip.time_s.tolist()
    assert set(clip.time_s) <= set(whole.time_s)


def test_truncated_before_anything_usable(tmp_path: Path, movie: Path) -> None:
    data = movie.read_bytes()
    (tmp_path / "index_only.mp4").write_bytes(data[: data.index(b"mdat") + 12])
    assert refused(tmp_path / "index_only.mp4").code == "truncated"
    (tmp_path / "no_index.mp4").write_bytes(data[:600])
    assert refused(tmp_path / "no_index.mp4").code == "not_video"


def test_damage_in_the_middle_is_named(tmp_path: Path, movie: Path) -> None:
    """A hole in the file: its pictures are shown as the decoder repairs them, or named; the others never shift."""
    data = bytearray(movie.read_bytes())
    start = data.index(b"mdat") + (len(data) - data.index(b"mdat")) // 2
    data[start : start + 4000] = bytes(4000)
    (tmp_path / "holes.mp4").write_bytes(data)
    clip = open_clip(tmp_path / "holes.mp4")
    try:
        for frame in frames(clip):
            assert frame.time_s == clip.time_s[frame.index]
    except MicrofaceError as error:
        assert error.code == "damaged" and "--range" in error.remedy


def test_an_absurd_size_is_refused_before_decoding(tmp_path: Path) -> None:
    """A PNG header that claims 60000 x 60000 px."""
    data = bytearray(cv2.imencode(".png", picture(0))[1].tobytes())
    data[16:24] = (60000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    (tmp_path / "huge.png").write_bytes(data)
    assert refused(tmp_path / "huge.png").code in ("too_large", "truncated")


def test_images_of_several_sizes_and_damaged_images(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a1.png"), picture(0))
    cv2.imwrite(str(tmp_path / "a2.png"), picture(0)[:40])
    with pytest.raises(MicrofaceError, match=r"a2\.png") as caught:
        list(frames(open_clip(tmp_path)))
    assert caught.value.code == "mixed_sizes"
    (tmp_path / "a2.png").write_bytes(b"no image")
    with pytest.raises(MicrofaceError, match=r"a2\.png"):
        list(frames(open_clip(tmp_path)))


def test_footage_that_disappears(tmp_path: Path, movie: Path) -> None:
    path = Path(shutil.copy(movie, tmp_path / "gone.mp4"))
    clip = open_clip(path)
    path.unlink()
    with pytest.raises(MicrofaceError) as caught:
        list(frames(clip))
    assert caught.value.code == "no_file"


# ---------------------------------------------------------------- writing


@pytest.mark.parametrize("fps", [30, 24000 / 1001, 200, 12.5])
def test_written_video_has_its_rate_and_its_pictures(tmp_path: Path, fps: float) -> None:
    path = tmp_path / "new" / "a.mp4"
    write_video(path, (picture(i, 47, 63) for i in range(20)), fps=fps, crf=10)
    clip = open_clip(path)
    assert (clip.width, clip.height, len(clip.time_s)) == (64, 48, 20)
    np.testing.assert_allclose(clip.time_s, np.arange(20) / fps, atol=1e-4)
    for frame in frames(clip, 0, None, 6):
        assert np.abs(frame.rgb[10:47, 10:63].astype(int) - picture(frame.index, 47, 63)[10:, 10:]).mean() < 4
    assert [file.name for file in path.parent.iterdir()] == ["a.mp4"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")

    def broken() -> Iterator[np.ndarray]:
        yield picture(0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(path, broken(), fps=25)
    with pytest.raises(MicrofaceError) as caught:
        write_video(path, [], fps=25)
    assert caught.value.code == "empty"
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]


LIMITED = """
import resource, signal, sys
sys.path.insert(0, {tests!r})
import conftest
import numpy as np
from microface.backend.errors import MicrofaceError
from microface.backend.video import write_video
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
rng = np.random.default_rng(0)
try:
    write_video(sys.argv[1], (rng.integers(0, 255, (128, 128, 3)).astype(np.uint8) for _ in range(40)), fps=25, crf=1)
except MicrofaceError as error:
    print(error.code)
"""


@pytest.mark.skipif(os.name == "nt", reason="file size limits are POSIX")
def test_a_full_disk_is_said_in_words(tmp_path: Path) -> None:
    """A limit on the size of files makes the system refuse to write, as a full disk does."""
    code = LIMITED.format(tests=str(ROOT / "tests"))
    result = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.mp4")], capture_output=True, text=True)
    assert result.stdout.strip() == "disk_full", result.stderr
    assert list(tmp_path.iterdir()) == []


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MicrofaceError) as caught:
        write_video(tmp_path / "file" / "a.mp4", [picture(0)], fps=25)
    assert caught.value.code == "not_written"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(MicrofaceError) as caught:
        write_video(tmp_path / "a.mp4", [picture(0)], fps=25)
    assert caught.value.code == "read_only"


# ---------------------------------------------------------------- memory

PEAK = """
import resource, sys
sys.path.insert(0, {tests!r})
import conftest
from microface.backend.video import frames, open_clip
clip = open_clip(sys.argv[1])
total = sum(float(frame.luma[0, 0]) + float(frame.rgb[0, 0, 0]) for frame in frames(clip))
print(len(clip.time_s), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.skipif(os.name == "nt", reason="peak memory is read the POSIX way")
def test_memory_does_not_grow_with_the_clip(tmp_path: Path) -> None:
    peaks, still = {}, picture(0, 480, 640)
    for count in (40, 240):
        path = tmp_path / f"{count}.mp4"
        write_video(path, (np.roll(still, i, 1) for i in range(count)), fps=25, crf=30)
        code = PEAK.format(tests=str(ROOT / "tests"))
        output = subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
        ).stdout
        length, peaks[count] = (int(word) for word in output.split())
        assert length == count
    assert peaks[240] < peaks[40] + 15  # MB; one picture in float and colour is 2.1
