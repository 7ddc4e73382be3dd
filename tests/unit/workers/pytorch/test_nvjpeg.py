"""What the library is told of its pictures; the library itself is tried on a GPU."""

from workers.pytorch.nvjpeg import images


def test_each_picture_has_three_planes_of_its_own_on_the_canvas() -> None:
    """Red, green and blue one behind the other, the pitch a line; a wrong address writes over a neighbour."""
    base = 0x7F0000000000
    words = images(base, 2, 5, 4).tolist()
    assert words[0] == [base, base + 20, base + 40, 0, 4, 4, 4, 0]
    assert words[1] == [base + 60, base + 80, base + 100, 0, 4, 4, 4, 0]
