"""A zip file that somebody uploaded, as a bundle of a task's files. Whatever is in it, nothing is written.

Not in charge of what the files mean (`tasks/spec.py`). A zip says of itself how large it is and may lie: so
sizes are counted while reading, and reading stops at the limit. Names are those of plain files below one
folder; links, devices and encrypted members are refused, not skipped.
"""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from pathlib import PurePosixPath

from django.utils.translation import gettext as _

from hub.core.errors import BadInput
from tasks.spec import Bundle, UnsafeName, check_names

ZIP_MOST = 2 << 20  # bytes of the file
BYTES_MOST = 2 << 20  # unpacked, all together
FILES_MOST = 300
LEFT_BY_TOOLS = ("__pycache__", "__MACOSX", ".DS_Store", ".git")


def unpacked(data: bytes) -> tuple[str, Bundle]:
    """The name of the folder that everything lies in (empty without one), and the files below it.

    Raises:
        BadInput: no zip file, or one with something in it that is not taken; the sentence says what and why.
    """
    if len(data) > ZIP_MOST:
        raise BadInput(
            _("The file is larger than %(most)s MiB: a task is a few pages of text.") % _mib(ZIP_MOST)
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [member for member in archive.infolist() if not _is_dull(member)]
            if len(members) > FILES_MOST:
                raise BadInput(_("There are more than %(most)s files in it.") % {"most": FILES_MOST})
            files = _read(archive, members)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError) as error:
        words = _("This is no zip file that can be read: pack the task's folder anew, without a password.")
        raise BadInput(words) from error
    _require_text(files)
    return _without_top(files)


def _read(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> Bundle:
    files: Bundle = {}
    left = BYTES_MOST
    for member in members:
        _require_plain(member)
        if member.filename in files:
            raise BadInput(_("%(name)s is in it twice.") % {"name": ascii(member.filename)})
        with archive.open(member) as file:
            content = file.read(left + 1)  # no more, whatever the member says of its size
        left -= len(content)
        if left < 0:
            raise BadInput(_("Unpacked it is larger than %(most)s MiB.") % _mib(BYTES_MOST))
        files[member.filename] = content
    if not files:
        raise BadInput(_("There is no file in it."))
    try:
        check_names(files)
    except UnsafeName as unsafe:
        raise BadInput(str(unsafe)) from unsafe
    return files


def _require_plain(member: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        words = _("%(name)s is a link or a special file: put a copy of the file there.")
        raise BadInput(words % {"name": ascii(member.filename)})
    if member.flag_bits & 1:
        raise BadInput(
            _("%(name)s is encrypted: pack it without a password.") % {"name": ascii(member.filename)}
        )


def _require_text(files: Bundle) -> None:
    for name, content in files.items():
        try:
            content.decode("utf-8")
        except UnicodeDecodeError as error:
            words = _("%(name)s is not UTF-8 text: a task's files are text.")
            raise BadInput(words % {"name": name}) from error


def _is_dull(member: zipfile.ZipInfo) -> bool:
    return member.is_dir() or any(part in LEFT_BY_TOOLS for part in PurePosixPath(member.filename).parts)


def _without_top(files: Bundle) -> tuple[str, Bundle]:
    tops = {name.split("/")[0] for name in files}
    top = tops.pop() if len(tops) == 1 else ""
    if not top or top in files:
        return "", files
    return top, {name.removeprefix(f"{top}/"): content for name, content in files.items()}


def _mib(number: int) -> dict[str, int]:
    return {"most": number >> 20}
