"""Videos whose cuts and motion are known exactly, for tests, the demo and benches."""

from media.synthetic.camera import Camera, CameraPath
from media.synthetic.encoding import Encoding
from media.synthetic.motion import Motion, displacement, scene_motion
from media.synthetic.scene import Flash, Scene
from media.synthetic.shape import Overlay, Shape
from media.synthetic.texture import Texture, named_texture
from media.synthetic.transition import Transition
from media.synthetic.truth import TrueClip, TrueCut, TrueFlash, Truth
from media.synthetic.world import World
from media.synthetic.write import write

__all__ = [
    "Camera",
    "CameraPath",
    "Encoding",
    "Flash",
    "Motion",
    "Overlay",
    "Scene",
    "Shape",
    "Texture",
    "Transition",
    "TrueClip",
    "TrueCut",
    "TrueFlash",
    "Truth",
    "World",
    "displacement",
    "named_texture",
    "scene_motion",
    "write",
]
