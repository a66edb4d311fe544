"""Files that speak of a scene of the BOP layout: read once each, wherever they lie."""

from pathlib import Path

from mmvd.errors import MissingInputsError, MMVDError, SampleError

from .archives import is_file
from .bop_files import read_frames
from .presence import place_of


def frame_of(image: str) -> tuple[Path, int]:
    """Folder of the scene and number of the frame of an image.

    Raises:
        SampleError: If the image has no number.
    """
    path = Path(image)
    if not path.stem.isdecimal():
        raise SampleError(f'{image}: images of the BOP layout are named by their frame number')
    return path.parents[1], int(path.stem)


class Scenes:
    """Scenes of a split.

    A file is looked for beside the images, then below the dataset's folder, on disk and in archives: images may be
    unpacked beside an archive that keeps the rest, and an archive of some frames (``bop19``) beside one of all.

    Args:
        root: Folder of the dataset.
        levels: Folders from there down to a scene.
    """

    def __init__(self, root: Path, levels: int):
        self.root, self.levels = root, levels
        self.problem = ''  # of an archive that may hold what is nowhere
        self._places: dict[tuple[Path, str], Path] = {}
        self._read: dict[Path, dict | MMVDError] = {}

    def name(self, scene: Path) -> str:
        """A scene below the dataset's folder, the same on disk and in an archive."""
        return '/'.join(scene.parts[-self.levels :])

    def place(self, scene: Path, name: str) -> Path:
        """Where a file of a scene lies."""
        if (scene, name) not in self._places:
            self._places[scene, name] = self._find(scene, name)
        return self._places[scene, name]

    def _find(self, scene: Path, name: str) -> Path:
        beside = scene / name
        if is_file(beside):
            return beside
        place, problem = place_of(self.root, f'{self.name(scene)}/{name}')
        self.problem = self.problem or problem
        return place

    def frames(self, path: Path) -> dict[str, object]:
        """What a file says of each frame; a damaged one is read once, too.

        Raises:
            MissingInputsError: If there is no such file.
            SampleError: If it is damaged.
        """
        if path not in self._read:
            try:
                self._read[path] = read_frames(path)
            except MissingInputsError as error:
                self._read[path] = MissingInputsError(f'{error}{self.problem and f" ({self.problem})"}')
            except MMVDError as error:
                self._read[path] = error
        found = self._read[path]
        if isinstance(found, MMVDError):
            raise found
        return found
