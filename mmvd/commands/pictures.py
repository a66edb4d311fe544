"""``demo``: a built-in room completed, as a picture or in a browser."""

import argparse

from .inference import require_weights


def add_commands(commands) -> None:
    """Add ``demo``."""
    demo = commands.add_parser('demo', help='complete the depth of a built-in room at several densities')
    demo.add_argument('--index', type=int, default=0, help='number of the room')
    demo.add_argument(
        '--model', '--config', help='packed folder or config; the small model that comes with the package by default'
    )
    demo.add_argument('--checkpoint', help='weights of a config')
    demo.add_argument('--out', default='work_dirs/demo.png', help='where the picture goes')
    demo.add_argument('--serve', action='store_true', help='open a page in the browser instead (extra [demo])')
    demo.add_argument('--port', type=int, default=7860, help='port of the page')
    demo.set_defaults(run=_demo)


def _demo(args: argparse.Namespace) -> int:
    from pathlib import Path

    from mmvd.apis import load_model
    from mmvd.apis.demo import demo_panel
    from mmvd.arguments import check_int
    from mmvd.saving import check_picture, save_png_atomically

    check_int('demo', '--index', args.index, 0)
    check_picture(Path(args.out))
    require_weights(args)
    model = load_model(args.model, args.checkpoint)
    if args.serve:
        from mmvd.apis.page import serve

        serve(model, args.port)
        return 0
    save_png_atomically(demo_panel(model, args.index), args.out)
    print(args.out)
    return 0
