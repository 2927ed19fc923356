"""Every frame once, in order, at the working size, in the right colours."""

import gc
import threading
from fractions import Fraction

import av
import numpy as np
import pytest

from media.limits import Limits
from media.stream import stream


def solid(colour: tuple[int, int, int]):
    """Paints every frame with one RGB colour."""

    def paint(_: int, size: tuple[int, int], pix_fmt: str) -> av.VideoFrame:
        pixels = np.empty((size[1], size[0], 3), np.uint8)
        pixels[:] = colour
        return av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=pix_fmt)

    return paint


def quarters(_: int, size: tuple[int, int], pix_fmt: str) -> av.VideoFrame:
    """Only the top left quarter is white."""
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    pixels[: size[1] // 2, : size[0] // 2] = 255
    return av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=pix_fmt)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_every_frame_comes_once_in_order(numbered, threads):
    path = numbered("a.mp4", 30, gop=8, bframes=2, options={"preset": "medium"})
    frames = stream(path, threads=threads)
    seen = [(frame.index, frame.time_us, numbered.number_of(frame)) for frame in frames]
    assert seen == [(n, n * 40_000, n) for n in range(30)]
    assert (frames.report.num_frames, frames.report.end_us, frames.report.warnings) == (30, 1_200_000, [])


def test_the_working_size_is_small_and_even(numbered):
    frame = next(stream(numbered("a.mp4", 3, size=(192, 108)), max_side=64))
    assert (frame.width, frame.height) == (64, 36)
    assert (frame.bgr.shape, frame.luma.shape) == ((36, 64, 3), (36, 64))
    assert frame.bgr.dtype == frame.luma.dtype == np.uint8


def test_full_size_is_the_picture_as_stored(numbered):
    path = numbered("a.mp4", 1, size=(64, 48))
    with av.open(str(path), "r") as container:
        stored = next(container.decode(video=0)).to_ndarray(format="yuv420p")[:48]
    expected = np.clip((stored.astype(float) - 16) * 255 / 219, 0, 255)
    assert np.abs(next(stream(path)).luma - expected).max() <= 0.5


@pytest.mark.parametrize(("rotation", "corner"), [(90, (0, 1)), (180, (1, 1)), (270, (1, 0))])
def test_pictures_are_turned_clockwise(numbered, rotation, corner):
    # white top left: a quarter turn clockwise brings it to the top right = row 0, column 1
    frame = next(stream(numbered("a.mp4", 2, size=(64, 48), rotation=rotation, paint=quarters), max_side=32))
    height, width = frame.luma.shape
    cells = frame.luma.reshape(2, height // 2, 2, width // 2).mean(axis=(1, 3))
    assert np.unravel_index(cells.argmax(), cells.shape) == corner
    assert (width, height) == ((32, 24) if rotation == 180 else (24, 32))


def test_square_pixels_come_out(numbered):
    frame = next(stream(numbered("a.mp4", 2, size=(72, 48), sar=Fraction(4, 3))))
    assert frame.luma.shape == (48, 96)


@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (90, 120, 200)])
@pytest.mark.parametrize(
    ("codec", "pix_fmt"), [("libx264", "yuv420p"), ("libx264", "yuvj420p"), ("gif", "bgr8"), ("ffv1", "bgr0")]
)
def test_colours_come_back(numbered, colour, codec, pix_fmt):
    name = "a.gif" if codec == "gif" else "a.mkv"
    frame = next(stream(numbered(name, 2, codec=codec, pix_fmt=pix_fmt, rate=10, paint=solid(colour)), max_side=32))
    blue, green, red = frame.bgr.reshape(-1, 3).mean(axis=0)
    tolerance = 36 if pix_fmt == "bgr8" else 4  # 3 bits a channel, dithered
    assert np.abs(np.array([red, green, blue]) - colour).max() <= tolerance
    assert np.array_equal(frame.rgb, frame.bgr[:, :, ::-1])


def test_luma_spans_the_full_range(numbered):
    white = next(stream(numbered("a.mp4", 1, paint=solid((255, 255, 255)))))
    black = next(stream(numbered("a.mp4", 1, paint=solid((0, 0, 0)))))
    assert (white.luma.max(), black.luma.min()) == (255, 0)


def test_a_tagged_matrix_is_used(numbered):
    # the same YUV of pure BT.601 green, told to be BT.709, is another colour
    told = {"colorspace": "bt709"}
    path = numbered("a.mkv", 1, paint=solid((0, 255, 0)), options={"crf": "1"} | told)
    blue, green, red = next(stream(path)).bgr.reshape(-1, 3).mean(axis=0)
    # Y 145 U 54 V 34: R = 1.164*129 - 1.793*94 < 0, G = 1.164*129 + 0.213*74 + 0.533*94 = 216
    assert (red, blue) == (0, 0)
    assert abs(green - 216) <= 3


def test_alpha_is_composed_over_black(numbered):
    def half_clear(_: int, size: tuple[int, int], pix_fmt: str) -> av.VideoFrame:
        pixels = np.full((size[1], size[0], 4), 200, np.uint8)
        pixels[:, :, 3] = 128
        return av.VideoFrame.from_ndarray(pixels, format="rgba").reformat(format=pix_fmt)

    for pix_fmt in ("rgba", "yuva420p"):
        codec = "png" if pix_fmt == "rgba" else "ffv1"
        frame = next(
            stream(numbered("a.mov" if codec == "png" else "a.mkv", 1, codec=codec, pix_fmt=pix_fmt, paint=half_clear))
        )
        assert abs(float(frame.bgr.mean()) - 100.4) <= 1.5  # 200 * 128 / 255
        assert abs(float(frame.luma.mean()) - 100.4) <= 1.5


def test_averaging_leaves_no_moire(numbered):
    # one-pixel stripes average to grey; a picker of single pixels would see black or white
    def stripes(_: int, size: tuple[int, int], pix_fmt: str) -> av.VideoFrame:
        pixels = np.zeros((size[1], size[0], 3), np.uint8)
        pixels[:, ::2] = 255
        return av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=pix_fmt)

    path = numbered("a.mkv", 1, codec="ffv1", size=(320, 160), paint=stripes)
    luma = next(stream(path, max_side=40)).luma
    assert luma.std() < 4
    assert abs(float(luma.mean()) - 127.5) < 4


def test_a_span_gives_its_frames_only(numbered):
    path = numbered("a.mp4", 40, gop=10, bframes=2, options={"preset": "medium"})
    frames = stream(path, start_us=1_000_000, end_us=1_200_001)
    # 25 fps: frame 25 at 1 s ... frame 30 at 1.2 s, which ends at 1.24 s
    assert [(frame.index, numbered.number_of(frame)) for frame in frames] == [(n, n) for n in range(25, 31)]
    assert frames.report.end_us == 1_240_000
    assert frames.report.num_frames <= 12  # decoding began at keyframe 20


def test_a_span_behind_the_end_is_empty(numbered):
    assert list(stream(numbered("a.mp4", 5), start_us=10_000_000)) == []


@pytest.mark.parametrize("span", [(-1, 5), (5, 5), (6, 5)])
def test_a_span_must_have_a_length(numbered, span):
    with pytest.raises(ValueError, match="start_us < end_us"):
        stream(numbered("a.mp4", 5), start_us=span[0], end_us=span[1])


def test_a_change_of_size_is_brought_to_the_first_and_reported(numbered, tmp_path):
    path = tmp_path / "joined.h264"
    first = numbered("a.h264", 5, size=(64, 48)).read_bytes()
    path.write_bytes(first + numbered("b.h264", 5, size=(128, 96)).read_bytes())
    frames = stream(path)
    assert {frame.luma.shape for frame in frames} == {(48, 64)}
    assert frames.report.num_frames == 10
    assert "resolution_changed" in frames.report.warnings


def test_two_recordings_in_one_transport_stream_get_one_timeline(numbered, tmp_path):
    path = tmp_path / "joined.ts"
    parts = [numbered("a.ts", 30, rate=25).read_bytes(), numbered("a.ts", 30, rate=25).read_bytes()]
    path.write_bytes(b"".join(parts))
    frames = stream(path)
    times = [frame.time_us for frame in frames]
    assert times == [n * 40_000 for n in range(60)]
    assert "timestamps_repaired" in frames.report.warnings


def test_stopping_early_ends_the_thread(numbered):
    before = threading.active_count()
    frames = stream(numbered("a.mp4", 40), threads=2)
    next(frames)
    frames.close()
    assert threading.active_count() == before
    frames = stream(numbered("a.mp4", 40), threads=2)
    next(frames)
    del frames
    gc.collect()
    assert threading.active_count() == before


def test_an_error_in_the_thread_reaches_the_caller(numbered):
    with pytest.raises(Exception, match="too_many_frames"):
        list(stream(numbered("a.mkv", 20), threads=2, limits=Limits(max_frames=5)))


def test_a_frame_keeps_its_pixels_after_the_stream_went_on(numbered):
    frames = list(stream(numbered("a.mp4", 12)))
    assert [numbered.number_of(frame) for frame in frames] == list(range(12))
    assert frames[3].bgr is frames[3].bgr


def test_a_frame_says_how_large_the_picture_is_as_shown(numbered):
    path = numbered("a.mp4", 2, size=(320, 180), rotation=90)
    frame = next(stream(path, max_side=64))
    assert frame.display_size == (180, 320)
    assert max(frame.width, frame.height) == 64


def test_a_frame_keeps_a_piece_of_the_picture_as_it_is_stored(numbered):
    path = numbered("a.mp4", 2, size=(640, 360))
    with av.open(str(path)) as container:
        stored = next(container.decode(video=0)).to_ndarray(format="yuv420p")[:360]
    # 256 of 360 lines: 52 above it, at a multiple of 16 that is 48; 192 of 640 columns before it
    frame = next(stream(path, max_side=64))
    assert frame.detail is not None
    assert (frame.detail == stored[48:304, 192:448]).all()
    frame.luma  # noqa: B018  makes the small picture and lets the large one go
    assert frame.detail.shape == (256, 256)


def test_a_picture_without_luma_bytes_has_no_such_piece(make_video):
    for codec in ("ffv1", "prores_ks"):  # RGB; ten bits
        assert next(stream(make_video(codec=codec), max_side=64)).detail is None
