"""Reels: stories between other scenes, and what is true about them."""

from __future__ import annotations

from pathlib import Path

from media.stream import stream
from media.synthetic.stories import parse_caption, story_frames
from media.synthetic.stories.film import StoryFilm
from media.synthetic.stories.reel import read_reels, reel_world, write_reels
from media.synthetic.stories.story import Story, is_held_out, make_story


def test_a_reel_is_written_once_and_read_back(tmp_path: Path):
    (reel,) = write_reels(tmp_path, [0])
    stamp = (tmp_path / reel.video).stat().st_mtime_ns
    assert write_reels(tmp_path, [0]) == [reel] == read_reels(tmp_path)
    assert (tmp_path / reel.video).stat().st_mtime_ns == stamp


def test_clips_and_transitions_fill_a_reel(tmp_path: Path):
    (reel,) = write_reels(tmp_path, [1])
    one, paired = [True, False], [True, False, False]
    expected = [*one, *one, *paired, *one, *one, *paired, *one, *one, *paired, *one, *one, *one]
    assert [clip.kind == "story" for clip in reel.clips] == expected
    assert {cut.kind for cut in reel.truth.cuts} <= {"hard", "dissolve", "fade"}
    assert len(reel.truth.cuts) == len(reel.clips) - 1


def test_stories_are_told_in_the_grammar_and_stand_between_hard_cuts(tmp_path: Path):
    (reel,) = write_reels(tmp_path, [2])
    for clip in reel.clips:
        if clip.kind == "story":
            assert [event.text for event in parse_caption(clip.text).events] == list(clip.events)
            assert clip.start_us == 0 or any(cut.end_us == cut.start_us == clip.start_us for cut in reel.truth.cuts)
        else:
            assert not clip.text and not clip.events


def test_a_story_in_a_reel_shows_what_its_film_shows(tmp_path: Path):
    film = StoryFilm(crf=1)
    (reel,) = write_reels(tmp_path, [3], film=film)
    story, second = make_story(36, max_things=2, max_events=2), reel.clips[1]
    with stream(str(tmp_path / reel.video)) as frames:
        shown = [frame.rgb for frame in frames if frame.time_us < second.start_us]
    wanted = list(story_frames(story, film))
    assert len(shown) == len(wanted)
    assert all(abs(a.astype(int) - b).mean() < 4 for a, b in zip(shown, wanted, strict=True))


def test_held_out_reels_tell_held_out_stories():
    _world, kinds = reel_world(0, "held_out")
    stories = [kind for kind in kinds if isinstance(kind, Story)]
    assert stories and all(any(map(is_held_out, story.events)) for story in stories)
