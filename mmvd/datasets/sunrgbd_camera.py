"""What SUN RGB-D knows of the camera of a frame."""

from pathlib import Path

from .archives import is_file, located
from .cameras import read_camera

SENSORS = ('kv1', 'kv2', 'realsense', 'xtion')  # the folders of the release


def sunrgbd_camera(root: Path, image: str, cameras: set[Path]) -> dict:
    """Sensor and intrinsics of a frame in the official layout.

    Args:
        root: Folder of the dataset.
        image: Relative path, ``SUNRGBD/<sensor>/.../<frame>/image/<name>.jpg``.
        cameras: Gets the path of the file of intrinsics.

    Returns:
        ``depth_sensor``, where the path names one, and ``intrinsics`` (3, 3), where the frame's ``intrinsics.txt`` is
        there.

    Raises:
        ConfigError: If that file holds something else.
    """
    sensor = next((part for part in Path(image).parts if part in SENSORS), None)
    path = located(root, f'{Path(image).parent.parent.as_posix()}/intrinsics.txt')
    cameras.add(path)
    found = {} if sensor is None else dict(depth_sensor=sensor)
    return dict(found, intrinsics=read_camera(path, image)) if is_file(path) else found
