# SPDX-License-Identifier: GPL-3.0-or-later
"""From a head's motion to the controls of any rig."""
