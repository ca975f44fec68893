# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things are among the tracker's 478 landmarks."""

CHEEKS = 234, 454  # either side of a face
OVAL = [10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
        148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109]  # fmt: skip

#: upper and lower lid from corner to corner, left to right in the picture
EYES = (
    ((33, 246, 161, 160, 159, 158, 157, 173, 133), (33, 7, 163, 144, 145, 153, 154, 155, 133)),
    ((362, 398, 384, 385, 386, 387, 388, 466, 263), (362, 382, 381, 380, 374, 373, 390, 249, 263)),
)
#: each upper lid with what folds above it: the brows' lower edges, then along the lower lids back
LIDS = (
    (46, 53, 52, 65, 55, 133, 155, 154, 153, 145, 144, 163, 7, 33),
    (276, 283, 282, 295, 285, 362, 382, 381, 380, 374, 373, 390, 249, 263),
)
BROWS = ((70, 63, 105, 66, 107), (336, 296, 334, 293, 300)), ((46, 53, 52, 65, 55), (285, 295, 282, 283, 276))
#: inner edges of the lips, left to right in the picture
UPPER_LIP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
#: outer edges of the lips
LIPS = ((61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291), (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291))
NOSTRILS = 60, 290
OPENINGS = [[*upper, *lower[-2:0:-1]] for upper, lower in EYES] + [[*UPPER_LIP, *LOWER_LIP[-2:0:-1]]]
