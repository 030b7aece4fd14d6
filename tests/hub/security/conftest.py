from __future__ import annotations

from tests.hub.replay import played_once
from tests.hub.security.world import World, build
from tests.hub.story import Story
from tests.people import Cast


@played_once
def world(story: Story, cast: Cast) -> World:
    return build(story, cast)
