# SPDX-License-Identifier: GPL-3.0-or-later
"""The built head is a head: closed where it should be, moved by what should move it, named the right way round."""

from collections import Counter

import numpy as np
import pytest
from microface.models.assets import FOLDER
from microface.models.head.portrait import part_colours, portrait
from microface.models.head.raster import project, rasterise
from microface.models.head.sheet import CELLS, contact_sheet
from microface.models.head.units import BOUND_BY_JAW, JOINT_OWNED, NEVER_SOLVED, UNIT_NAMES, mirrored

MM = 1e-3
CAMERA = np.array([[1500.0, 0, 300], [0, 1500, 300], [0, 0, 1]])
AWAY = np.array([0.0, 0.04, 0.6])  # camera space: the face in the middle of a 600 px picture


def _unit(head, *names, value=1.0):
    return value * np.isin(head.expression_names, names)


def _posed(head, expression=None, **pose):
    """Vertices in head space of the mean adult."""
    vectors = np.array([pose.get(name, (0, 0, 0)) for name in head.joint_names], float)
    rest = head.template + np.tensordot(_unit(head) if expression is None else expression, head.expression, 1)
    return head.pose(rest, head.joint_template, vectors)


def _members(head, *parts):
    wanted = [head.part_names.index(part) for part in parts]
    polygons = head.polygons[np.isin(head.part, wanted)]
    return np.unique(polygons[polygons >= 0])


def _eye(head, side):
    eye = _members(head, "eye")
    return eye[head.template[eye, 0] * {"left": 1, "right": -1}[side] > 0]


def _radius(head, side="left"):
    centre = head.joint_template[head.joint_names.index(f"eye_{side}")]
    return centre, np.linalg.norm(head.template[_eye(head, side)] - centre, axis=1).max()


def _seen(head, vertices, hidden=("lashes",)):
    """Part name of every pixel, '' for none."""
    names = np.array([*head.part_names, ""])
    part = head.face_part
    shown = np.flatnonzero(~np.isin(names[part], hidden))
    image = project(vertices * [1, -1, -1] + AWAY, CAMERA)
    triangle, _ = rasterise(image, head.faces[shown], 600, 600)
    return np.where(triangle < 0, "", names[part[shown[triangle]]])


def test_it_is_a_head_of_human_size(generic):
    skin = generic.template[_members(generic, "skin")]
    width, height, depth = np.ptp(skin, axis=0)
    assert 0.14 < width < 0.20 and 0.25 < height < 0.36 and 0.17 < depth < 0.26
    assert (FOLDER / "generic_head.npz").stat().st_size < 25e6
    np.testing.assert_allclose(generic.joint_template[1], 0, atol=1e-9)  # head space starts at the neck joint
    assert generic.identity.shape[0] >= 20


def test_the_skin_is_closed_but_for_the_neck(generic):
    wanted = [generic.part_names.index(part) for part in ("skin", "mouth")]
    edges = Counter()
    for corners in generic.polygons[np.isin(generic.part, wanted)].tolist():
        edges.update((a, b) for a, b in zip(corners, corners[1:] + corners[:1], strict=True))
    assert max(edges.values()) == 1  # every neighbour runs along an edge the other way round: one orientation
    border = [edge for edge in edges if edge[::-1] not in edges]
    following = dict(border)
    assert len(following) == len(border) == 42
    start = at = border[0][0]
    for _ in border:
        at = following[at]
    assert at == start and len(set(following)) == 42
    neck = generic.template[list(following)]
    assert neck[:, 1].max() < generic.template[_members(generic, "skin"), 1].min() + 0.05


@pytest.mark.parametrize("part", ["eye", "iris", "pupil", "cornea", "teeth", "tongue"])
def test_closed_parts_face_outwards(part, generic):
    faces = generic.faces[generic.face_part == generic.part_names.index(part)]
    if part in ("iris", "pupil", "cornea"):  # caps: they face forward
        corner = generic.template[faces]
        assert (np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])[:, 2] > 0).all()
    else:
        corner = generic.template[faces] - generic.template[np.unique(faces)].mean(0)
        assert np.einsum("fc,fc->", corner[:, 0], np.cross(corner[:, 1], corner[:, 2])) > 0


def test_faces_are_the_polygons_cut_in_triangles(generic):
    triangles = []
    for a, b, c, d in generic.polygons.tolist():
        triangles += [(a, b, c)] if d < 0 else [(a, b, c), (a, c, d)]
    np.testing.assert_array_equal(generic.faces, triangles)
    assert len(generic.face_part) == len(triangles)
    assert len(np.unique(generic.faces)) == len(generic.template)


def test_units_are_arkits_and_each_has_one_owner(generic):
    assert generic.expression_names == UNIT_NAMES and len(set(UNIT_NAMES)) == 52
    assert set(JOINT_OWNED) | set(NEVER_SOLVED) | set(BOUND_BY_JAW) < set(UNIT_NAMES)
    assert {n for n in UNIT_NAMES if n.startswith(("jaw", "eyeLook"))} == set(JOINT_OWNED)
    assert {mirrored(name) for name in UNIT_NAMES} == set(UNIT_NAMES)


@pytest.mark.parametrize("name", [n for n in UNIT_NAMES if n.endswith("Left") and n not in ("jawLeft", "mouthLeft")])
def test_left_is_the_subjects_left(name, generic):
    strength = np.linalg.norm(generic.expression[UNIT_NAMES.index(name)], axis=1)
    weight = strength**2
    assert (weight * generic.template[:, 0]).sum() / weight.sum() > 5 * MM
    other = np.linalg.norm(generic.expression[UNIT_NAMES.index(mirrored(name))], axis=1)
    assert other.max() == pytest.approx(strength.max(), rel=0.15)


@pytest.mark.parametrize("name", ["jawLeft", "mouthLeft"])
def test_moves_to_the_left_go_to_positive_x(name, generic):
    moved = generic.expression[UNIT_NAMES.index(name)]
    assert moved[np.abs(moved[:, 0]).argmax(), 0] > 2 * MM


def test_visible_units_move_the_face(generic):
    moved = np.linalg.norm(generic.expression[:, generic.face_mask], axis=2).max(1)
    for name, most in zip(generic.expression_names, moved, strict=True):
        if name not in (*NEVER_SOLVED, *JOINT_OWNED, *BOUND_BY_JAW):
            assert 0.5 * MM < most < 25 * MM, name


@pytest.mark.parametrize("side", ["Left", "Right"])
def test_a_blink_shuts_the_lids_on_the_eyeball(side, generic):
    sign = 1 if side == "Left" else -1
    eye, centre = ("eye", "iris", "pupil", "cornea"), 300
    half = np.arange(600) >= centre if sign > 0 else np.arange(600) < centre
    shares = []
    for value in (0.0, 0.5, 0.8, 1.0):
        seen = _seen(generic, _posed(generic, _unit(generic, f"eyeBlink{side}", value=value)))
        shares.append(np.isin(seen, eye)[:, half].sum())
    assert shares[0] > 300 and shares[1] < 0.6 * shares[0]
    assert shares[2] < 0.1 * shares[0] and shares[3] <= 0.005 * shares[0]
    middle, radius = _radius(generic, side.lower())
    blink = _posed(generic, _unit(generic, f"eyeBlink{side}"))
    place = blink[generic.face_mask] - middle
    before = place[(np.abs(place[:, :2]) < 0.5 * radius).all(1) & (place[:, 2] > 0.5 * radius)]
    gap = np.linalg.norm(before, axis=1) - radius
    assert -0.5 * MM < np.percentile(gap, 5) < 0.7 * MM  # the lid lies on the ball, neither in it nor off it


def test_a_turning_eye_turns_about_its_joint_and_moves_no_skin(generic):
    turned = _posed(generic, eye_left=(0.2, 0.4, 0))
    centre, radius = _radius(generic)
    eye = _eye(generic, "left")
    np.testing.assert_allclose(
        np.linalg.norm(turned[eye] - centre, axis=1), np.linalg.norm(generic.template[eye] - centre, axis=1), atol=1e-9
    )
    pupil = _members(generic, "pupil")
    pupil = pupil[generic.template[pupil, 0] > 0]
    shift = (turned - generic.template)[pupil].mean(0)
    assert shift[0] > 0.3 * radius and shift[1] < -0.1 * radius  # +y turns to the subject's left, +x looks down
    still = np.setdiff1d(np.arange(len(turned)), np.concatenate([eye, _members(generic, "iris", "pupil", "cornea")]))
    np.testing.assert_allclose(turned[still], generic.template[still], atol=1e-12)


def test_the_jaw_takes_chin_lower_teeth_and_tongue_along(generic):
    opened = _posed(generic, jaw=(0.3, 0, 0)) - generic.template
    chin = np.flatnonzero(generic.face_mask)[generic.template[generic.face_mask, 1].argmin()]
    assert opened[chin, 1] < -10 * MM
    teeth, tongue = _members(generic, "teeth"), _members(generic, "tongue")
    jaw = generic.weights[:, generic.joint_names.index("jaw")]
    assert set(np.round(jaw[teeth], 6)) == {0, 1} and (jaw[tongue] == 1).all()
    assert np.percentile(opened[tongue, 1], 80) < -5 * MM
    above = np.flatnonzero(generic.face_mask & (generic.template[:, 1] > generic.joint_template[3, 1]))
    assert len(above) > 100 and np.abs(opened[above]).max() < 0.5 * MM


def test_a_closed_mouth_shows_lips_and_an_open_one_its_inside(generic):
    inside = ("teeth", "gums", "tongue", "mouth")
    assert np.isin(_seen(generic, generic.template), inside).sum() < 20
    assert np.isin(_seen(generic, _posed(generic, jaw=(0.3, 0, 0))), inside).sum() > 800
    bared = _unit(generic, "mouthUpperUpLeft", "mouthUpperUpRight", "mouthLowerDownLeft", "mouthLowerDownRight")
    assert (_seen(generic, _posed(generic, bared)) == "teeth").sum() > 300


@pytest.mark.parametrize("yaw", [0, 0.5, -0.5, 1.2, -1.2])
def test_nothing_inside_pokes_through_the_skin(yaw, generic):
    """Teeth and tongue are hidden at rest from every side; of the eyeballs only what the lids leave open is seen."""
    seen = _seen(generic, _posed(generic, root=(0, yaw, 0)))
    assert np.isin(seen, ("teeth", "gums", "tongue")).sum() < 20
    assert np.isin(seen, ("eye", "iris", "pupil", "cornea")).sum() < 0.04 * (seen != "").sum()


def test_lashes_follow_the_lids(generic):
    lashes = _members(generic, "lashes")
    closed = _unit(generic, "eyeBlinkLeft")
    moved = (_posed(generic, closed) - generic.template)[lashes]
    left = generic.template[lashes, 0] > 0
    assert moved[left, 1].min() < -5 * MM and np.abs(moved[~left]).max() < 1e-9


def test_weights_bind_the_crown_to_the_neck_joint_and_the_cut_to_the_root(generic):
    np.testing.assert_allclose(generic.weights.sum(1), 1, atol=1e-12)
    assert generic.weights.min() >= 0
    skin = _members(generic, "skin")
    order = skin[np.argsort(generic.template[skin, 1])]
    root, neck = (generic.weights[:, generic.joint_names.index(name)] for name in ("root", "neck"))
    assert root[order[:20]].mean() > 0.6 and neck[order[-20:]].min() > 0.99


def test_the_face_mask_is_the_visible_face(generic):
    face = generic.template[generic.face_mask]
    skin = _members(generic, "skin")
    assert np.isin(np.flatnonzero(generic.face_mask), skin).all()
    assert generic.template[skin, 2].argmax() in np.flatnonzero(generic.face_mask[skin])  # the tip of the nose
    eyes = generic.joint_template[3, 1]
    assert 0.04 < face[:, 1].max() - eyes < 0.09 and 0.09 < eyes - face[:, 1].min() < 0.13
    assert face[:, 2].min() > generic.template[skin, 2].min() + 0.09  # in front of the ears
    assert 1000 < generic.face_mask.sum() < 3000


def test_landmarks_lie_where_their_names_say(generic):
    place = dict(zip(generic.landmark_index.tolist(), generic.landmark_points(generic.template), strict=True))
    assert len(place) >= 400
    nose, lips, chin = place[1], (place[13] + place[14]) / 2, place[199]
    assert nose[2] > max(p[2] for i, p in place.items() if i not in (1, 4, 5, 44, 45, 19, 274, 275)) - MM
    assert nose[1] > lips[1] + 10 * MM > chin[1] + 25 * MM
    assert place[263][0] > 0.03 and place[33][0] < -0.03  # outer corners of the eyes: 263 is the subject's left
    for left, right in ((263, 33), (362, 133), (61, 291), (105, 334)):
        np.testing.assert_allclose(place[left] * [-1, 1, 1], place[right], atol=5 * MM)
    np.testing.assert_allclose(place[13], place[14], atol=3 * MM)  # the lips are closed
    opened = dict(
        zip(generic.landmark_index.tolist(), generic.landmark_points(_posed(generic, jaw=(0.2, 0, 0))), strict=True)
    )
    for upper, lower in ((13, 14), (82, 87), (312, 317), (81, 178), (311, 402)):  # each on its own lip
        assert opened[upper][1] - opened[lower][1] > 5 * MM
    for index, joint in ((473, "eye_left"), (468, "eye_right")):
        centre = generic.joint_template[generic.joint_names.index(joint)]
        assert np.linalg.norm(place[index][:2] - centre[:2]) < 3 * MM and place[index][2] > centre[2] + 10 * MM
    iris = np.isin(generic.landmark_index, range(468, 478))
    on_eye = np.isin(
        generic.face_part[generic.landmark_triangle], [generic.part_names.index(p) for p in ("eye", "iris", "pupil")]
    )
    np.testing.assert_array_equal(iris, on_eye)
    assert iris.sum() >= 8


def test_a_portrait_has_the_colours_of_its_parts(generic):
    colours = part_colours(generic)
    assert (colours[generic.face_part == generic.part_names.index("cornea")] < 0).all()
    picture = portrait(generic, generic.template * [1, -1, -1] + AWAY, CAMERA, (600, 600))
    eye = project(generic.joint_template[3] * [1, -1, -1] + AWAY, CAMERA)
    x, y = np.round(eye[:2]).astype(int)
    assert picture[y, x].max() < 60  # the pupil
    assert picture[y + 60, x].argmax() == 0  # the cheek
    np.testing.assert_array_equal(picture[2, 2], [70, 70, 70])


def test_the_picture_in_the_docs_can_be_drawn_again(generic):
    sheet = contact_sheet(generic)
    cells = sheet.reshape(3, 400, 5, 320, 3).swapaxes(1, 2).reshape(15, -1)
    assert len(CELLS) == 15
    assert len({cell.tobytes() for cell in cells}) == 15
