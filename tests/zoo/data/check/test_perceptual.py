import numpy as np
import pytest
from PIL import Image

from tests.textures import texture
from zoo.data.check.perceptual import (
    TURNS,
    compare_colours,
    compare_details,
    find_details,
    hash_thumbs,
    turn,
)


def thumbs(numbers):
    shown = (texture(number).convert("L").resize((32, 32)) for number in numbers)
    return np.stack([np.asarray(image) for image in shown])


def test_the_eight_turns_are_all_different():
    one = np.arange(9).reshape(1, 3, 3)
    assert len({turn(one, how).tobytes() for how in TURNS}) == 8


def test_turns_are_what_they_are_called():
    image = texture(0, (32, 32)).convert("L")
    one = np.asarray(image)[None]
    expected = {
        "": image,
        "mirrored": image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        "upside down": image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        "turned by 90 degrees": image.transpose(Image.Transpose.ROTATE_90),
        "turned by 180 degrees": image.transpose(Image.Transpose.ROTATE_180),
        "turned by 270 degrees": image.transpose(Image.Transpose.ROTATE_270),
    }
    for how, shown in expected.items():
        np.testing.assert_array_equal(turn(one, how)[0], np.asarray(shown))


def test_the_hash_is_that_of_the_cosine_transform():
    fft = pytest.importorskip("scipy.fft")
    one = thumbs([3])
    waves = fft.dctn(one[0].astype(float), type=2)[:8, :8].ravel()
    waves[0] = 0
    bits = waves > np.median(waves)
    assert np.unpackbits(hash_thumbs(one).view(np.uint8)).tolist() == bits.tolist()


def test_hashes_do_not_depend_on_how_many_are_computed_at_once():
    many = np.repeat(thumbs(range(4)), 1500, axis=0)
    np.testing.assert_array_equal(hash_thumbs(many), np.repeat(hash_thumbs(many[::1500]), 1500))
    np.testing.assert_array_equal(find_details(many)[::1500], find_details(many[::1500]))


def test_a_hash_hardly_changes_with_brightness_and_contrast():
    first = thumbs(range(20))
    second = (first * 0.7 + 20).astype(np.uint8)
    assert np.bitwise_count(hash_thumbs(first) ^ hash_thumbs(second)).max() <= 4


def test_hashes_of_different_pictures_are_far_apart():
    hashes = hash_thumbs(thumbs(range(60)))
    apart = np.bitwise_count(hashes[:, None] ^ hashes[None])[np.triu_indices(60, 1)]
    # Independent hashes differ in 32 bits, give or take 4.
    assert 30 < apart.mean() < 34
    assert apart.min() > 10


def test_details_of_a_picture_are_its_own():
    details = find_details(thumbs(range(20)))
    alike = compare_details(details, details)
    np.testing.assert_allclose(alike, 1.0, atol=1e-5)
    assert np.abs(compare_details(details, np.roll(details, 1, axis=0))).max() < 0.5


def test_details_survive_another_contrast():
    first = thumbs(range(20))
    dimmed = (first * 0.5 + 60).astype(np.uint8)
    # Rounding to whole grey levels, and to 127 steps of details.
    assert compare_details(find_details(first), find_details(dimmed)).min() > 0.99


def test_a_smooth_picture_has_no_details_to_compare():
    slope = np.tile(np.arange(32, dtype=np.uint8)[:, None] * 7, (1, 1, 32))
    flat = np.full((1, 32, 32), 200, dtype=np.uint8)
    for smooth in (slope, flat):
        details = find_details(smooth)
        assert compare_details(details, details).tolist() == [0.0]


def test_colours_are_compared_by_their_mean_distance():
    first = np.zeros((1, 8, 8, 2), dtype=np.int8)
    second = first.copy()
    second[..., 0] = -100
    second[..., 1] = 100
    assert compare_colours(first, second).tolist() == [100.0]
