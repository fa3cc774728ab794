"""What a header field may look like: RFC 9110, sections 5.1 and 5.5."""

from __future__ import annotations

import re

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
