"""How images are changed at random: settings that several sections have."""

from typing import Annotated

from annotated_types import Ge, Le, Lt

from counterweight.core.schema import Settings


class ViewChange(Settings):
    """How strongly an image is changed at random: as another camera sees the same thing in another light."""

    mirror: bool = False
    """Half of the images are mirrored."""
    rotation: Annotated[float, Ge(0), Le(180)] = 20.0
    """Degrees to either side, at most."""
    shift: Annotated[float, Ge(0), Le(1)] = 0.1
    """Of a side, to either side, at most."""
    scale: Annotated[float, Ge(0), Lt(1)] = 0.2
    """An image is enlarged by up to so much, which crops it, or made smaller by half as much."""
    perspective: Annotated[float, Ge(0), Lt(0.5)] = 0.15
    """Of a side, by which each corner is moved at most."""
    light: Annotated[float, Ge(0), Lt(1)] = 0.3
    """Brightness and contrast are changed by factors between 1 - light and 1 + light."""
    colour: Annotated[float, Ge(0), Lt(1)] = 0.1
    """So is each colour channel, by itself."""
