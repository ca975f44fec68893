# SPDX-License-Identifier: GPL-3.0-or-later
"""Other programs' files: what a take is read from and written to. Formats and conventions: docs/exchange.md."""
