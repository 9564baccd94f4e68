"""The composite picture: where its cells are, and that its bytes depend on nothing but its content."""

from io import BytesIO

import pytest
from huntaze_video.extraction import Grid, ImageFormat
from huntaze_video.grid import Tile, clock, compose, lay_out
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

COLOURS = [(200, 40, 40), (40, 200, 40), (40, 40, 200), (200, 200, 40), (40, 200, 200)]


def grid(
    size: tuple[int, int],
    rows: int,
    cols: int,
    tiles: int,
    image_format: ImageFormat = ImageFormat.PNG,
) -> Grid:
    return compose(
        [Tile(i + 1, i * 1.5, Image.new("RGB", size, COLOURS[i % 5])) for i in range(tiles)],
        rows=rows,
        cols=cols,
        side=1024,
        image_format=image_format,
        quality=85,
    )


@given(
    st.tuples(st.integers(1, 8000), st.integers(1, 8000)),
    st.integers(1, 6),
    st.integers(1, 6),
    st.sampled_from([512, 2048]),
)
def test_every_layout_fits_and_leaves_cells_of_use(
    size: tuple[int, int], rows: int, cols: int, side: int
) -> None:
    layout = lay_out(size, rows, cols, side)

    assert max(layout.width, layout.height) <= side
    # Gutters, strips and cells are whole pixels: up to one is lost to rounding.
    assert max(layout.cell_width, layout.cell_height) >= min(side / 8, max(60, *size)) - 1
    assert layout.strip >= 14


@pytest.mark.parametrize("size", [(108, 192), (192, 108), (100, 100), (640, 40)])
@pytest.mark.parametrize(("rows", "cols"), [(1, 1), (3, 3), (6, 6), (2, 5)])
def test_the_cell_map_says_where_each_picture_is(size: tuple[int, int], rows: int, cols: int) -> None:
    tiles = min(5, rows * cols)

    made = grid(size, rows, cols, tiles)

    picture = Image.open(BytesIO(made.image.data))
    assert picture.size == (made.image.width, made.image.height)
    for index, cell in enumerate(made.cells):
        assert (cell.row, cell.col, cell.ordinal) == (*divmod(index, cols), index + 1)
        assert picture.getpixel((cell.x, cell.y)) == COLOURS[index]
        assert picture.getpixel((cell.x + cell.width - 1, cell.y + cell.height - 1)) == COLOURS[index]
        assert picture.getpixel((cell.x - 1, cell.y)) != COLOURS[index]
        assert abs(cell.width / cell.height - size[0] / size[1]) < 0.15 * size[0] / size[1]


@pytest.mark.parametrize("image_format", list(ImageFormat))
def test_the_same_frames_give_the_same_bytes(image_format: ImageFormat) -> None:
    """Keys are made from the content: a second run must not upload a second picture."""
    first, second = (grid((90, 160), 2, 2, 4, image_format) for _ in range(2))

    assert first == second
    assert Image.open(BytesIO(first.image.data)).get_format_mimetype() == first.image.media_type


def test_a_label_is_written_under_each_picture() -> None:
    made = grid((300, 200), 1, 2, 2)

    picture = Image.open(BytesIO(made.image.data)).convert("L")
    strips = [picture.crop((c.x, c.y + c.height, c.x + c.width, c.y + c.height + 20)) for c in made.cells]
    assert all(strip.getextrema()[1] > 180 for strip in strips)
    assert strips[0].tobytes() != strips[1].tobytes()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0:00.0"), (59.96, "0:59.9"), (61.25, "1:01.2"), (3600.0, "60:00.0")]
)
def test_times_are_rounded_down(seconds: float, text: str) -> None:
    """A frame at 59.96 s is not yet in the next minute."""
    assert clock(seconds) == text
