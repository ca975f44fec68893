# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user does in Blender: gather, call the worker, write data, report."""
