"""What is packed: zips that follow from the bytes of a binary alone, of binaries that Lambda can run and that tell nothing."""

import io
import os
import stat
import subprocess
import time
import zipfile

import archive
import binary
import package
import pytest

FUNCTIONS = ("deploy", "heal", "migrate", "snapshot")
CODE = bytes(range(256)) * 4000


def elf(machine=62, text=b""):
    """As little of an ELF file as is looked at."""
    header = bytearray(64)
    header[:6] = b"\x7fELF\x02\x01"
    header[18:20] = machine.to_bytes(2, "little")
    return bytes(header) + b"\0GLIBC_2.17\0GLIBC_2.34\0" + text + b"\0" + os.urandom(100)


def folder(path, binaries):
    for name, data in binaries.items():
        (path / name).mkdir(parents=True)
        (path / name / "bootstrap").write_bytes(data)
    return path


def entry(data):
    (only,) = zipfile.ZipFile(io.BytesIO(data)).infolist()
    return only


@pytest.mark.parametrize("thorough", [False, True])
def test_pythons_own_reader_finds_one_executable_file_with_what_was_put_in(thorough):
    packed = archive.zip_of("bootstrap", CODE, thorough)
    reader = zipfile.ZipFile(io.BytesIO(packed))
    assert reader.testzip() is None
    assert reader.read("bootstrap") == CODE
    only = entry(packed)
    assert only.filename == "bootstrap"
    assert only.create_system == 3, "Unix: or the mode is not looked at"
    assert stat.S_IMODE(only.external_attr >> 16) == 0o755
    assert only.date_time == (1980, 1, 1, 0, 0, 0)


def test_unzip_of_the_system_can_run_what_comes_out(tmp_path):
    (tmp_path / "a.zip").write_bytes(archive.zip_of("bootstrap", b"#!/bin/sh\necho ran\n", False))
    # Python's own command line sets no modes, so that the mode is set from the zip by hand.
    with zipfile.ZipFile(tmp_path / "a.zip") as reader:
        path = reader.extract("bootstrap", tmp_path)
        os.chmod(path, reader.infolist()[0].external_attr >> 16)
    assert subprocess.run([path], capture_output=True, text=True).stdout == "ran\n"


def test_thorough_is_smaller_than_quick():
    text = b" ".join(b"%d squared is %d" % (number, number * number) for number in range(4000))
    assert len(archive.zip_of("bootstrap", text)) < len(archive.zip_of("bootstrap", text, thorough=False))


def test_neither_clock_nor_file_system_is_in_a_zip(tmp_path):
    """The same binaries, written at another time, with another mode, under another umask and in another folder."""
    built = {name: elf() for name in FUNCTIONS}
    packed = []
    for place, mtime, mode, mask in (("a", 1, 0o600, 0o077), ("b/c/d", time.time(), 0o777, 0o000)):
        binaries = folder(tmp_path / place / "built", built)
        for name in FUNCTIONS:
            os.chmod(binaries / name / "bootstrap", mode)
            os.utime(binaries / name / "bootstrap", (mtime, mtime))
        out = tmp_path / place / "out"
        out.mkdir()
        before = os.umask(mask)
        package.pack(binaries, out, [], thorough=False)
        package.seal(out)
        os.umask(before)
        packed.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert packed[0] == packed[1]
    assert len(packed[0]) == len(FUNCTIONS) + 1


def test_the_name_of_a_zip_changes_with_one_bit_of_what_is_in_it(tmp_path):
    built = {name: elf() for name in FUNCTIONS}
    changed = built | {"heal": built["heal"][:-1] + bytes([built["heal"][-1] ^ 1])}
    names = []
    for place, binaries in (("a", built), ("b", changed)):
        (tmp_path / place / "out").mkdir(parents=True)
        package.pack(folder(tmp_path / place / "built", binaries), tmp_path / place / "out", [], thorough=False)
        names.append(package.zips(tmp_path / place / "out")["x86_64"])
    assert {function for function in FUNCTIONS if names[0][function] != names[1][function]} == {"heal"}


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"heal": elf(183)}, "one architecture at a time"),
        ({name: elf(40) for name in FUNCTIONS}, "one architecture at a time"),
        ({"heal": b"#!/bin/sh\n"}, "one architecture at a time"),
        ({"heal": elf(text=b"GLIBC_2.35")}, "heal needs GLIBC_2.35"),
        ({"heal": elf(text=b"/home/somebody/.cargo/registry/src/x.rs")}, "/home/somebody/.cargo/registry/src/x.rs"),
    ],
)
def test_a_binary_that_must_not_ship_stops_everything(tmp_path, bad, said):
    """Radio silence: not one zip is written, those of the good functions included."""
    out = tmp_path / "out"
    out.mkdir()
    binaries = folder(tmp_path / "built", {name: elf() for name in FUNCTIONS} | bad)
    with pytest.raises(SystemExit) as stopped:
        package.pack(binaries, out, ["/home/somebody"], thorough=False)
    assert said in str(stopped.value)
    assert not list(out.iterdir())


def test_a_function_that_was_not_built_stops_everything(tmp_path):
    binaries = folder(tmp_path / "built", {name: elf() for name in FUNCTIONS[:-1]})
    with pytest.raises(SystemExit, match="snapshot/bootstrap is missing"):
        package.pack(binaries, tmp_path, [], thorough=False)
    assert not list(tmp_path.glob("*.zip"))


def test_a_zip_that_is_too_large_stops_the_packing(tmp_path):
    binaries = folder(tmp_path / "built", {name: elf() for name in FUNCTIONS})
    with pytest.raises(SystemExit, match="100 are the most"):
        package.pack(binaries, tmp_path, [], thorough=False, largest=100)
    assert not list(tmp_path.glob("*.zip"))


def test_a_zip_that_is_not_what_its_name_says_gets_no_template(dist, tmp_path):
    for path in dist.glob("*.zip"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert package.zips(tmp_path)
    victim = next(tmp_path.glob("heal-*.zip"))
    victim.write_bytes(victim.read_bytes() + b"\0")
    with pytest.raises(SystemExit, match="is not what its name says"):
        package.zips(tmp_path)


def test_half_a_set_of_zips_gets_no_template(dist, tmp_path):
    for path in dist.glob("*.zip"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    next(tmp_path.glob("heal-*.zip")).unlink()
    with pytest.raises(SystemExit, match="only"):
        package.zips(tmp_path)


def test_the_release_binaries_run_on_lambdas_glibc(release):
    """Of this machine's own linker too. What is released is linked against an older glibc by zig."""
    for name in FUNCTIONS:
        data = (release / name).read_bytes()
        assert binary.glibc(data) is not None, "a Rust binary for gnu asks for some glibc, or nothing was found at all"
        assert binary.glibc(data) <= binary.GLIBC, name


def test_a_folder_of_this_machine_is_found_in_a_binary_that_was_not_built_for_release(release):
    """The guard can see: plain cargo leaves paths of its registry in what it builds."""
    data = (release / "deploy").read_bytes()
    (registry,) = set(package.private_folders()) & {os.environ.get("CARGO_HOME", os.path.expanduser("~/.cargo"))}
    assert any("names a folder" in problem for problem in binary.problems(data, binary.architecture(data), [registry]))


def test_sha256sum_agrees_with_the_list(dist):
    done = subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=dist, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {line.split(":")[0] for line in done.stdout.splitlines()} == {path.name for path in dist.iterdir()} - {"SHA256SUMS"}
