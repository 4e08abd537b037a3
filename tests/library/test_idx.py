"""Standard IDX files, read whatever their spelling, and refused by name when damaged."""

import hashlib

import pytest
from common import refusal
from tiny_images import BYTES, IMAGES, LABELS, assert_same_images, idx_bytes, write_idx

from ganstab.data import load_idx


@pytest.mark.parametrize("mark", ["-", "."])
@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize(("split", "prefix"), [("train", "train"), ("test", "t10k")])
def test_idx_reads_every_spelling(tmp_path, mark, end, split, prefix):
    write_idx(tmp_path, prefix, mark, end)
    assert_same_images(load_idx(tmp_path, split), IMAGES)


IMAGE_FILE, LABEL_FILE = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        (IMAGE_FILE, idx_bytes(BYTES[..., 0])[:-5], ["truncated", "18027", "18032"]),
        (IMAGE_FILE, idx_bytes(BYTES[..., 0]) + b"x", ["too long", "18033", "18032"]),
        (IMAGE_FILE, b"\0\0\x08", ["truncated", "3 bytes", "16"]),
        (IMAGE_FILE, idx_bytes(BYTES[..., 0], 0x801), ["magic", "0x00000801", "0x00000803"]),
        (IMAGE_FILE, idx_bytes(BYTES[:0, ..., 0]), ["0, 28, 28"]),
        (LABEL_FILE, idx_bytes(LABELS[:-1]), ["22 labels", "23 expected"]),
    ],
    ids=["short", "long", "no header", "magic", "empty", "count"],
)
def test_idx_refuses_a_wrong_file_by_name(tmp_path, name, data, words):
    write_idx(tmp_path)
    (tmp_path / name).write_bytes(data)
    message = refusal(lambda: load_idx(tmp_path, "train"))
    assert all(word in message for word in [name, *words]), message


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-20],
        lambda data: b"plain text",
        lambda data: data[:60] + bytes([data[60] ^ 255]) + data[61:],
    ],
)
def test_idx_refuses_a_damaged_gzip_file(tmp_path, damage):
    write_idx(tmp_path, end=".gz")
    file = tmp_path / f"{IMAGE_FILE}.gz"
    file.write_bytes(damage(file.read_bytes()))
    assert f"{IMAGE_FILE}.gz: damaged gzip" in refusal(lambda: load_idx(tmp_path, "train"))


def test_idx_refuses_absence(tmp_path):
    assert "not a folder" in refusal(lambda: load_idx(tmp_path / "none", "train"))
    assert IMAGE_FILE in refusal(lambda: load_idx(tmp_path, "train"))
    write_idx(tmp_path)
    (tmp_path / LABEL_FILE).unlink()
    assert LABEL_FILE in refusal(lambda: load_idx(tmp_path, "train"))
    with pytest.raises(ValueError, match="train, test, not 'valid'"):
        load_idx(tmp_path, "valid")
    assert "not a folder" in refusal(lambda: load_idx("a" * 300, "train"))


def test_idx_compares_digests_where_they_are_given(tmp_path):
    write_idx(tmp_path, end=".gz")
    images, labels = (hashlib.sha256(idx_bytes(x)).hexdigest() for x in (BYTES[..., 0], LABELS))
    assert_same_images(load_idx(tmp_path, "train", (images, labels)), IMAGES)
    message = refusal(lambda: load_idx(tmp_path, "train", (images, images)))
    assert f"{LABEL_FILE}.gz: other content" in message and labels in message
