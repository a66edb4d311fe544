"""``complete``, ``segment``, ``classify``, ``pose`` and ``features``: one file or a folder, one way for all."""

import argparse
import sys

_SHIPPED = 'the small model that comes with the package'
_WHAT_CAMERAS_ARE_FOR = ', for point clouds and encodings that need it (P3DE, disparity); else it is guessed'


def add_commands(commands) -> None:
    """Add the commands that predict."""
    complete = _add(commands, 'complete', _complete, 'complete the depth of images', _SHIPPED)
    complete.add_argument('--size', type=int, help='shorter side in pixels at which the network works')
    complete.add_argument('--keep-input', action='store_true', help='measured pixels pass through')
    complete.add_argument(
        '--format',
        choices=('png', 'npy'),
        default='png',
        help='16-bit millimetres, which end at 65.5 m, or float metres; png by default',
    )
    complete.add_argument('--ply', action='store_true', help='write point clouds, coloured by the image')
    _add(commands, 'segment', _segment, 'name the class of every pixel')
    _add(commands, 'classify', _classify, 'name the class of images')
    pose = _add(commands, 'pose', _pose, 'estimate the 6D pose of the objects in boxes', needs_camera=True)
    pose.add_argument('--boxes', required=True, help="JSON of a detector's boxes, in the format of COCO or BOP")
    pose.add_argument('--models', help='folder of the object models, for outlines in the pictures')
    features = _add(
        commands, 'features', _features, 'draw the features of both streams (paper Figs. 3, 9, 10)', _SHIPPED
    )
    features.add_argument('--size', type=int, help='shorter side in pixels at which the encoder works')


def _add(
    commands, name: str, run, text: str, default: str | None = None, needs_camera: bool = False
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text)
    parser.set_defaults(run=run)
    parser.add_argument('image', help='image file, or a folder of images')
    parser.add_argument('depth', nargs='?', help='depth file, or a folder of files with the names of the images')
    parser.add_argument('--out', default=f'work_dirs/{name}', help=f'where results go; work_dirs/{name} by default')
    parser.add_argument(
        '--model',
        '--config',
        required=default is None,
        help='packed folder, config file or name of a config' + (f'; {default} by default' if default else ''),
    )
    parser.add_argument('--checkpoint', help='weights of the model where --model is a config; a folder brings them')
    parser.add_argument(
        '--decoder',
        help='format of the depth files, see mmvd/datasets/decoders.py; by default millimetres of a PNG, or for '
        "segment, classify and pose that of the config's test data if they name one (SUN RGB-D: sunrgbd)",
    )
    parser.add_argument('--depth-unit', choices=('m', 'mm'), help='unit of float depth files; metres by default')
    parser.add_argument(
        '--intrinsics',
        type=float,
        nargs=4,
        metavar=('FX', 'FY', 'CX', 'CY'),
        required=needs_camera,
        help='camera in pixels' + ('' if needs_camera else _WHAT_CAMERAS_ARE_FOR),
    )
    parser.add_argument('--batch-size', type=int, default=1, help='images computed at once')
    parser.add_argument('--device', help='cpu, cuda, ...; a GPU if there is one by default')
    parser.add_argument('--bf16', action='store_true', help='bf16 autocast')
    parser.add_argument('--overwrite', action='store_true', help='replace results that are there')
    parser.add_argument(
        '--skip-existing', action='store_true', help='go on after an interruption: keep results that are whole'
    )
    return parser


def _complete(args: argparse.Namespace) -> int:
    from mmvd.apis import DepthCompletionInferencer

    require_weights(args)
    inferencer = DepthCompletionInferencer(
        *_common(args),
        size=args.size,
        keep_input=args.keep_input,
        depth_format=args.format,
        point_cloud=args.ply,
        intrinsics=args.intrinsics,
    )
    if args.ply and not args.intrinsics:
        print('point clouds: a camera with a horizontal view of 60 degrees is guessed, see --intrinsics')
    return _run(inferencer, args, lambda found: f'{found["depth_m"].mean():.2f} m on average')


def _segment(args: argparse.Namespace) -> int:
    import numpy as np

    from mmvd.apis import RGBDSegInferencer

    def tell(found: dict) -> str:
        labels, counts = np.unique(found['sem_seg'], return_counts=True)
        most = sorted(zip(counts / counts.sum(), labels, strict=True), reverse=True)[:3]
        return ', '.join(f'{found["classes"][label]} {share:.0%}' for share, label in most)

    return _run(RGBDSegInferencer(*_common(args), intrinsics=args.intrinsics), args, tell)


def _classify(args: argparse.Namespace) -> int:
    from mmvd.apis import RGBDClassificationInferencer

    inferencer = RGBDClassificationInferencer(*_common(args), intrinsics=args.intrinsics)
    return _run(inferencer, args, lambda found: f'{found["pred_class"]} ({found["pred_score"]:.1%})')


def _pose(args: argparse.Namespace) -> int:
    from mmvd.apis import RGBDPoseInferencer

    def tell(found: dict) -> str:
        pairs = zip(found['obj_ids'], found['translations_mm'], strict=True)
        told = [f'object {obj_id} at {t[2] / 1000:.2f} m' for obj_id, t in pairs]
        told += [f'left out: {count} {reason}' for reason, count in found['left_out'].items()]
        return ', '.join(told) or 'no box of this image'

    settings = dict(intrinsics=args.intrinsics, boxes=args.boxes, models=args.models)
    inferencer = RGBDPoseInferencer(*_common(args), **settings)
    skipped: list[str] = []
    code = _run(inferencer, args, tell, skipped)
    others = inferencer.unused_boxes(skipped)
    if others:
        print(f'boxes of images that are not among these: {len(others)}, e.g. of {others[0]}', file=sys.stderr)
    return code


def _features(args: argparse.Namespace) -> int:
    from mmvd.apis import FeatureInferencer

    require_weights(args)
    inferencer = FeatureInferencer(*_common(args), size=args.size, intrinsics=args.intrinsics)
    return _run(inferencer, args, lambda found: f'{len(found["fused"])} stages of {len(found["fused"][0])} channels')


def _run(inferencer, args: argparse.Namespace, tell, skipped: list | None = None) -> int:
    """Predict for everything that can be read; what cannot is told at the end, and makes the exit code 1."""
    from mmvd.datasets.rasters import shown

    failures: list[tuple[str, str]] = []
    skipped, done = [] if skipped is None else skipped, 0
    stream = inferencer.stream(
        args.image,
        args.depth,
        decoder=args.decoder,
        depth_unit=args.depth_unit,
        batch_size=args.batch_size,
        show_progress=True,
        out_dir=args.out,
        overwrite=args.overwrite,
        skip_existing=args.skip_existing,
        failures=failures,
        skipped=skipped,
    )
    for prediction, _ in stream:
        done += 1
        alone = ' (colour alone)' if prediction['rgb_only'] else ''
        print(f'{shown(prediction["name"])}: {tell(prediction)}{alone}', flush=True)
    before = f', {len(skipped)} there already' if skipped else ''
    print(f'{done} done{before}, results in {args.out}')
    for _, message in failures:
        print(f'left out: {message}', file=sys.stderr)
    return 1 if failures else 0


def _common(args: argparse.Namespace) -> tuple:
    """Model, weights, device and precision."""
    import torch

    return args.model, args.checkpoint, args.device, torch.bfloat16 if args.bf16 else None


def require_weights(args: argparse.Namespace) -> None:
    """Open the model, a packed folder once for all: a config without weights would mean a random network.

    Raises:
        ConfigError: If none are named.
    """
    from mmvd.apis.loading import open_model
    from mmvd.errors import ConfigError

    named = args.model
    args.model, args.checkpoint = open_model(named, args.checkpoint)
    if args.checkpoint is None:
        raise ConfigError(
            f'{named}: has no trained weights: give --checkpoint, e.g. that of make pretrain, or a packed folder as '
            '--model, or neither for the small model of the package'
        )
