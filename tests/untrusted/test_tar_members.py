"""Walking a tar file's headers: what `tarfile` finds, without what would harm."""

import io
import tarfile

import pytest

from tellapart.untrusted.tar_members import entries

NAMES = ["a.png", "folder/b.cls", f"{'deep/' * 30}c.jpg", "größe/ä.png", "d" * 140 + ".jpg"]


def tar_bytes(members, form=tarfile.PAX_FORMAT):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def info_of(name, content=b"", **fields):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def found(content, **options):
    return list(entries(lambda start, stop: content[start:stop], len(content), **options))


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_the_files_are_those_that_tarfile_finds(form):
    names = NAMES[:3] if form == tarfile.USTAR_FORMAT else NAMES
    members = [info_of(name, bytes(37 * place)) for place, name in enumerate(names)]
    members.insert(1, info_of("folder", type=tarfile.DIRTYPE))
    content = tar_bytes(members, form)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        known = [(each.name, each.offset, each.offset_data, each.size) for each in tar if each.isfile()]
    assert [(each.name, each.start, each.data, each.size) for each in found(content, whole=True)] == known


def test_a_part_that_begins_with_a_header_is_read_alone():
    content = tar_bytes([info_of(f"{place}.png", bytes([place]) * 700) for place in range(5)])
    whole = found(content)
    part = content[whole[2].start : whole[4].start]
    assert [each.name for each in found(part)] == ["2.png", "3.png"]
    assert part[found(part)[1].data] == 3


@pytest.mark.parametrize(
    "info",
    [
        info_of("link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        info_of("hard", type=tarfile.LNKTYPE, linkname="a.png"),
        info_of("pipe", type=tarfile.FIFOTYPE),
        info_of("device", type=tarfile.CHRTYPE),
    ],
    ids=lambda member: member[0].name,
)
def test_links_and_devices_are_refused(info):
    with pytest.raises(ValueError, match="a link, a device or a sparse file"):
        found(tar_bytes([info_of("a.png", b"x"), info]))


@pytest.mark.parametrize("name", ["../a.png", "a/../../b.png", "/etc/passwd", "C:/x.png"])
def test_names_that_lead_out_are_refused(name):
    with pytest.raises(ValueError, match="leads out"):
        found(tar_bytes([info_of(name, b"x")]))


def test_a_cut_off_member_is_damage():
    content = tar_bytes([info_of("a.png", bytes(5000))])
    with pytest.raises(ValueError, match="cut off"):
        found(content[:3000])
    with pytest.raises(ValueError, match="lacks the end"):
        found(content[: 512 + 5120], whole=True)


def test_a_flipped_bit_of_a_header_is_damage():
    content = bytearray(tar_bytes([info_of("a.png", b"x" * 600)]))
    content[3] ^= 1
    with pytest.raises(ValueError, match="no header"):
        found(bytes(content))


def test_a_huge_member_is_refused_by_what_its_header_states():
    info, _ = info_of("a.png")
    info.size = 1 << 40
    header = info.tobuf(tarfile.GNU_FORMAT)
    with pytest.raises(ValueError, match=r"at most 300,000,000|cut off"):
        found(header)
    with pytest.raises(ValueError, match="at most 300,000,000"):
        list(entries(lambda start, stop: header[start:stop], 1 << 41))
