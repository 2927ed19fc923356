"""Small videos that tell a story in a closed grammar: pixels show just the events that the caption names, in order."""

from media.synthetic.stories.entailment import Label, entailment, order_events
from media.synthetic.stories.film import StoryFilm, event_spans_us, story_frames, write_story
from media.synthetic.stories.grammar import CAMERA_ACTIONS, COLOURS, SHAPES, THING_ACTIONS, Caption, Event, Order, Thing
from media.synthetic.stories.parser import GrammarError, parse_caption, parse_event
from media.synthetic.stories.story import Story, is_held_out, make_story

__all__ = [
    "CAMERA_ACTIONS",
    "COLOURS",
    "SHAPES",
    "THING_ACTIONS",
    "Caption",
    "Event",
    "GrammarError",
    "Label",
    "Order",
    "Story",
    "StoryFilm",
    "Thing",
    "entailment",
    "event_spans_us",
    "is_held_out",
    "make_story",
    "order_events",
    "parse_caption",
    "parse_event",
    "story_frames",
    "write_story",
]
