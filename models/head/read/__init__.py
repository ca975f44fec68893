# SPDX-License-Identifier: GPL-3.0-or-later
"""Heads that others publish, read from the user's own files: one reader per family, one `HeadModel` out of all."""
