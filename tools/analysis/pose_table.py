#!/usr/bin/env python3
"""6D pose on the rooms, over several seeds: frozen VD, its variants and controls.

Every network is trained anew and judged at its last checkpoint on unseen rooms; of VD also with depth or class labels
altered at test. What trivial predictors get stands in the logs of the tests. Goes on where it was interrupted. Data:
python -m mmvd data bop data/bop_rooms
"""

import argparse
import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.hooks import Hook

import mmvd  # noqa: F401  first: it arms safe loading and the operator stand-ins
from mmvd.apis.configs import read_config
from mmvd.apis.launch import running
from mmvd.errors import MissingInputsError, exit_code
from mmvd.models.weights import load_checkpoint
from mmvd.saving import save_atomically, save_json

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from tools.analysis.tables import check_runs, train_once, weights_hash, with_spread, write_rows  # noqa: E402

SHOWN = ('AR', 'AUC_ADD', 'AUC_ADD-S', 'AUC_ADD(-S)', 'ADD(-S)<0.1d', 'median_rotation_deg', 'median_translation_mm')
VARIANTS = ('VD', 'RGB alone', 'P3DE', 'random depth stream', 'loss without symmetries', 'shuffled poses')
COMPARED = VARIANTS[:4]  # over all seeds; the controls are trained with the first
ALTERATIONS = ('depth missing', 'depth of another image', 'depth x 1.1', 'shuffled labels')


class Alter(Hook):
    """Changes what the model sees at test; ``kind`` is one of ``ALTERATIONS``."""

    def __init__(self, kind: str):
        self.kind, self.random = kind, torch.Generator().manual_seed(0)

    def before_test(self, runner) -> None:
        """Let the head see other classes; what it is told to estimate stays."""
        if self.kind != 'shuffled labels':
            return
        head = runner.model.head
        forward, random = head.forward, self.random

        def shuffled(features, boxes, labels, *rest):
            others = torch.randint(0, head.num_classes, labels.shape, generator=random).to(labels.device)
            return forward(features, boxes, others, *rest)

        head.forward = shuffled

    def before_test_iter(self, runner, batch_idx: int, data_batch: dict | None = None) -> None:
        """Change the depth of one batch in place."""
        depth = data_batch['depth']
        if self.kind == 'depth missing':
            data_batch['depth'] = [torch.zeros_like(each) for each in depth]
        elif self.kind == 'depth of another image':
            data_batch['depth'] = [*depth[1:], depth[0]]
        elif self.kind == 'depth x 1.1':
            data_batch['depth'] = [1.1 * each for each in depth]


def configured(name: str, seed: int, work_dir: Path) -> Config:
    """The config of a variant."""
    config = read_config(ROOT / f'configs/pose/poet_{"vdp3de" if name == "P3DE" else "vd"}_rooms.py')
    # other data make another training
    config.merge_from_dict({'randomness.seed': seed, 'data_sha256': digest(Path(config.root))})
    backbone, head = config.model.backbone, config.model.head
    if name == 'RGB alone':
        backbone.out, head.in_channels = 'rgb', [96] * 4
    elif name == 'random depth stream':
        backbone.init_cfg.checkpoint = str(random_depth(Path(backbone.init_cfg.checkpoint), work_dir))
    elif name == 'loss without symmetries':
        head.loss.models = None
    elif name == 'shuffled poses':
        shuffled = work_dir.absolute() / f'shuffled_{config.data_sha256[:12]}'
        config.train_dataloader.dataset.data_root = str(shuffled_poses(Path(config.root), shuffled))
    return config


def digest(root: Path) -> str:
    """SHA-256 of the files that say what is in the rooms: cameras, poses, models, targets.

    Raises:
        MissingInputsError: If there are none.
    """
    if not (root / 'train').is_dir():
        raise MissingInputsError(f'{root}: no rooms with objects: make them by python -m mmvd data bop {root}')
    return hashlib.sha256(b''.join(path.read_bytes() for path in sorted(root.rglob('*.json')))).hexdigest()


def random_depth(checkpoint: Path, work_dir: Path) -> Path:
    """The encoder with depth stream and fusions as they were before training."""
    from mmvd.registry import MODELS

    content = load_checkpoint(checkpoint)
    out = work_dir / f'random_depth_{hashlib.sha256(checkpoint.read_bytes()).hexdigest()[:12]}.pth'
    if not out.is_file():
        torch.manual_seed(0)
        fresh = MODELS.build(read_config(ROOT / 'configs/vd/pretrain_tiny_pde_rooms.py').model).state_dict()
        for key in content['state_dict']:
            if key.startswith(('backbone.depth_stream', 'backbone.fusions')):
                content['state_dict'][key] = fresh[key]
        save_atomically(dict(state_dict=content['state_dict'], meta={}), out)
    return out


def shuffled_poses(root: Path, out: Path) -> Path:
    """The training data with the rotations and translations of each object dealt out among its appearances."""
    scene = next((root / 'train').iterdir())
    if not out.is_dir():
        aside = out.with_name(f'.{out.name}')
        shutil.rmtree(aside, ignore_errors=True)  # of an interruption
        folder = aside / 'train' / scene.name
        folder.mkdir(parents=True)
        os.symlink((root / 'models').absolute(), aside / 'models')
        for part in ('rgb', 'depth', 'mask', 'mask_visib'):
            os.symlink((scene / part).absolute(), folder / part)
        shutil.copy(scene / 'scene_camera.json', folder)
        infos = json.loads((scene / 'scene_gt_info.json').read_bytes())
        for row in (row for frame in infos.values() for row in frame):
            row['bbox_obj'] = [-1] * 4  # which would give the wrong poses away
        (folder / 'scene_gt_info.json').write_text(json.dumps(infos))
        poses, random = json.loads((scene / 'scene_gt.json').read_bytes()), np.random.default_rng(0)
        rows = [row for frame in poses.values() for row in frame]
        for obj_id in {row['obj_id'] for row in rows}:
            mine = [row for row in rows if row['obj_id'] == obj_id]
            dealt = [(mine[k]['cam_R_m2c'], mine[k]['cam_t_m2c']) for k in random.permutation(len(mine))]
            for row, (R, t) in zip(mine, dealt, strict=True):
                row.update(cam_R_m2c=R, cam_t_m2c=t)
        (folder / 'scene_gt.json').write_text(json.dumps(poses))
        os.replace(aside, out)
    return out


def judge(config: Config, checkpoint: Path, folder: Path, kind: str | None = None) -> dict[str, float]:
    """Scores on the test rooms."""
    config = config.copy()
    config.update(load_from=str(checkpoint), work_dir=str(folder))
    config.test_evaluator = dict(config.test_evaluator, submission=str(folder / 'poet-vd_rooms-test.csv'))
    config.test_evaluator.pop('reference', None) if kind else None
    with running(config, training=False) as runner:
        if kind:
            runner.register_hook(Alter(kind))
        return {key.removeprefix('pose/'): value for key, value in runner.test().items()}


def run(args: argparse.Namespace) -> None:
    """Train, judge and write the table."""
    work_dir, found = Path(args.work_dir), {}
    out = args.out or f'{work_dir}/pose_table.csv'
    check_runs(args.seeds, out)
    variants = dict.fromkeys(args.variants)
    runs = [(name, seed) for seed in args.seeds for name in variants if name in COMPARED or seed == args.seeds[0]]
    configs = [configured(name, seed, work_dir) for name, seed in runs]
    for config in configs:
        weights_hash(config)  # an encoder that is missing is told of before the first training
    for (name, seed), config in zip(runs, configs, strict=True):
        folder = work_dir / f'{name.replace(" ", "_")}_{seed}'
        checkpoint = train_once(config, folder)
        for kind in (None, *(ALTERATIONS if name == 'VD' else ())):
            cached = folder / f'{(kind or "test").replace(" ", "_")}.json'
            if not cached.is_file():
                save_json(judge(config, checkpoint, folder / 'test', kind), cached)
            found.setdefault(f'{name}, {kind} at test' if kind else name, []).append(json.loads(cached.read_text()))
    rows = []
    for title, scores in found.items():
        row = dict(network=title, seeds=len(scores))
        for key in SHOWN:
            mean, spread = with_spread([each[key] for each in scores])
            row.update({key: f'{mean:.2f}', f'{key} std': f'{spread:.2f}'})
        rows.append(row)
        print(f'{title:<44}' + '  '.join(f'{key} {row[key]} +- {row[f"{key} std"]}' for key in SHOWN), flush=True)
    write_rows(Path(out), rows)
    print(out)


def main() -> int:
    """Parse the command line and measure; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--variants', nargs='+', choices=VARIANTS, default=VARIANTS)
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--work-dir', default='work_dirs/pose_table')
    parser.add_argument('--out', help='CSV; pose_table.csv in the work dir by default')
    args = parser.parse_args()
    return exit_code(lambda: run(args))


if __name__ == '__main__':
    sys.exit(main())
