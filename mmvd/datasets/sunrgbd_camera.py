"""What SUN RGB-D knows of the camera of a frame."""

from pathlib import Path

from .completion_datasets import read_camera

SENSORS = ('kv1', 'kv2', 'realsense', 'xtion')  # the folders of the release


def sunrgbd_camera(root: Path, image: str) -> dict:
    """Sensor and intrinsics of a frame in the official layout.

    Args:
        root: Folder of the dataset.
        image: Relative path, ``SUNRGBD/<sensor>/.../<frame>/image/<name>.jpg``.

    Returns:
        ``depth_sensor``, where the path names one, and ``intrinsics`` (3, 3), where the frame's ``intrinsics.txt`` is
        there.

    Raises:
        ConfigError: If that file holds something else.
    """
    sensor = next((part for part in Path(image).parts if part in SENSORS), None)
    path = root / Path(image).parent.parent / 'intrinsics.txt'
    found = {} if sensor is None else dict(depth_sensor=sensor)
    return dict(found, intrinsics=read_camera(path)) if path.is_file() else found
