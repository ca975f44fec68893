# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the networks come from. Nothing here is imported to run them: see `models/runtime.py`."""
