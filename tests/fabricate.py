"""Small files in the layouts of the nine datasets and of DINOv2's weights."""
import json
from pathlib import Path

import cv2
import numpy as np
import timm
import torch

SIZE = (48, 64)


def _image(path: Path, seed: int, size: tuple[int, int] = SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8))


def _depth(path: Path, steps_per_metre: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    metres = np.tile(np.linspace(1, 4, SIZE[1], dtype=np.float32), (SIZE[0], 1))
    if path.suffix == '.pfm':
        path.write_bytes(f'Pf\n{SIZE[1]} {SIZE[0]}\n-1.0\n'.encode() + metres[::-1].tobytes())
    else:
        cv2.imwrite(str(path), (metres * steps_per_metre).astype(np.uint16))


def fabricate_nine(root: Path, frames: int = 2) -> None:
    """Two frames of each dataset, 1 to 4 m deep."""
    for name, split in (('lm', 'test'), ('tless', 'train_primesense'), ('ycbv', 'train_real')):
        scene = root / name / split / '000001'
        for i in range(frames):
            _image(scene / 'rgb' / f'{i:06d}.png', i)
            _depth(scene / 'depth' / f'{i:06d}.png', 10000)
        camera = dict(cam_K=[60, 0, 32, 0, 60, 24, 0, 0, 1], depth_scale=0.1)
        (scene / 'scene_camera.json').write_text(json.dumps({str(i): camera for i in range(frames)}))
    for i in range(frames):
        _image(root / f'graspnet/scenes/scene_0000/realsense/rgb/{i:04d}.png', i)
        _depth(root / f'graspnet/scenes/scene_0000/realsense/depth/{i:04d}.png', 1000)
        _image(root / f'nyuv2/train/images/{i}_rgb.png', i)
        _depth(root / f'nyuv2/train/depth/{i}_depth.png', 1000)
        _image(root / f'matterport3d/scan/undistorted_color_images/view_i0_{i}.jpg', i)
        _depth(root / f'matterport3d/scan/undistorted_depth_images/view_d0_{i}.png', 4000)
        _image(root / f'scannet/scans/scene0000_00/color/{i}.jpg', i, (97, 130))  # larger than its depth, as in ScanNet
        _depth(root / f'scannet/scans/scene0000_00/depth/{i}.png', 1000)
        for masked in ('', '_masked'):
            _image(root / f'blendedmvs/scene/blended_images/{i:08d}{masked}.jpg', i)
        _depth(root / f'blendedmvs/scene/rendered_depth_maps/{i:08d}.pfm', 1)
        _image(root / f'cityscapes/leftImg8bit/train/city/city_{i}_leftImg8bit.png', i)
        folder = root / 'cityscapes/disparity/train/city'
        folder.mkdir(parents=True, exist_ok=True)
        disparity = 0.209313 * 2262.52 / np.tile(np.linspace(5, 40, SIZE[1]), (SIZE[0], 1))
        cv2.imwrite(str(folder / f'city_{i}_disparity.png'), (disparity * 256 + 1).astype(np.uint16))


def fabricate_dinov2(path: Path, size: str = 'small') -> None:
    """A file with the tensors of the official release, at random."""
    path.parent.mkdir(parents=True, exist_ok=True)
    model = timm.create_model(f'vit_{size}_patch14_dinov2', pretrained=False)
    torch.save({**model.state_dict(), 'mask_token': torch.zeros(1, model.embed_dim)}, path)
