"""Code as CreateFunction takes it."""

import io
import zipfile


def zipped(code: str) -> bytes:
    """A module named `index`."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("index.py", code)
    return archive.getvalue()
