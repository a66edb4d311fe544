"""``python -m mmvd``: the command line."""

import argparse
import sys
from pathlib import Path

from mmvd.errors import exit_code


def _doctor(_: argparse.Namespace) -> int:
    from mmvd.compat import inspect_stack

    report = inspect_stack()
    print('\n'.join(report.lines))
    for clash in report.clashes:
        print(f'CLASH: {clash}')
    print('no clash found' if not report.clashes else f'{len(report.clashes)} to mend')
    return 1 if report.clashes else 0


def _complete(args: argparse.Namespace) -> int:
    from mmvd.apis import DepthCompletionInferencer

    DepthCompletionInferencer(args.config, args.checkpoint)([(args.image, args.depth)], args.decoder, args.out)
    print(f'{args.out}: {Path(args.image).stem}_depth.png (millimetres) and {Path(args.image).stem}_panel.png')
    return 0


def _classify(args: argparse.Namespace) -> int:
    from mmvd.apis import RGBDClassificationInferencer
    from mmvd.apis.inferencer import pairs_of

    for found in RGBDClassificationInferencer(args.config, args.checkpoint)(
        pairs_of(args.image, args.depth), args.decoder
    ):
        print(f'{found.image}: {found.name} ({found.score:.1%})', flush=True)
    return 0


def _demo(args: argparse.Namespace) -> int:
    from mmvd.apis import load_model
    from mmvd.apis.demo import demo_panel
    from mmvd.engine.atomic_backend import save_png_atomically

    save_png_atomically(demo_panel(load_model(args.config, args.checkpoint), args.index), args.out)
    print(args.out)
    return 0


def _data(args: argparse.Namespace) -> int:
    from mmvd.apis.demo import rooms_sheet
    from mmvd.engine.atomic_backend import save_png_atomically

    save_png_atomically(rooms_sheet(args.rooms, args.seed, args.sensor, args.shuffle_textures), args.out)
    print(args.out)
    return 0


def main() -> int:
    """Parse the command line and run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog='python -m mmvd', description='Vanishing Depth for OpenMMLab')
    commands = parser.add_subparsers(dest='command', required=True)
    commands.add_parser('doctor', help='say what is installed and what clashes; non-zero exit on a clash').set_defaults(
        run=_doctor
    )
    complete = commands.add_parser('complete', help='complete the depth of one image')
    complete.add_argument('image', help='image file')
    complete.add_argument('depth', nargs='?', help='depth file; without it the depth is guessed from colour alone')
    complete.add_argument('--decoder', default='mm16', help='format of the depth file')
    complete.set_defaults(run=_complete, out='work_dirs/complete')
    classify = commands.add_parser('classify', help='name the class of one image or of the images of a folder')
    classify.add_argument('image', help='image file, or a folder of images')
    classify.add_argument('depth', nargs='?', help='depth file, or a folder of files with the names of the images')
    classify.add_argument('--decoder', help="format of the depth files; that of the config's test data by default")
    classify.add_argument(
        '--config', required=True, help='config of the classifier, as export_linear_head.py writes it'
    )
    classify.add_argument('--checkpoint', required=True)
    classify.set_defaults(run=_classify)
    demo = commands.add_parser('demo', help='complete the depth of a built-in room at several densities')
    demo.add_argument('--index', type=int, default=0, help='number of the room')
    demo.set_defaults(run=_demo, out='work_dirs/demo.png')
    for command in (complete, demo):
        command.add_argument('--config', default='pretrain_tiny_pde_rooms', help='config file or name')
        command.add_argument('--checkpoint', required=True, help='checkpoint, e.g. of make pretrain')
    data = commands.add_parser('data', help='draw a contact sheet of the built-in rooms')
    data.add_argument('--rooms', type=int, default=12)
    data.add_argument('--seed', type=int, default=0)
    data.add_argument('--sensor', action='store_true', help='depth as the sensor model sees it')
    data.add_argument('--shuffle-textures', action='store_true', help='colours that say nothing of the class')
    data.set_defaults(run=_data, out='work_dirs/rooms.png')
    for command in (complete, demo, data):
        command.add_argument('--out', default=argparse.SUPPRESS, help='where the result goes')
    args = parser.parse_args()
    return exit_code(lambda: args.run(args))


if __name__ == '__main__':
    sys.exit(main())
