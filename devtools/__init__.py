# SPDX-License-Identifier: GPL-3.0-or-later
"""What `dev.py` is made of. Standard library only, Python 3.9 or newer: it runs before anything is installed."""
