"""``data``: what of the datasets is here, and a picture of the built-in rooms."""

import argparse


def add_commands(commands) -> None:
    """Add ``data``."""
    data = commands.add_parser('data', help='contact sheet of the built-in rooms, or what of the datasets is here')
    data.add_argument('what', nargs='?', choices=('rooms', 'status'), default='rooms', help='rooms by default')
    data.add_argument('--rooms', type=int, default=12)
    data.add_argument('--seed', type=int, default=0)
    data.add_argument('--sensor', action='store_true', help='depth as the sensor model sees it')
    data.add_argument('--shuffle-textures', action='store_true', help='colours that say nothing of the class')
    data.add_argument('--out', default='work_dirs/rooms.png', help='where the picture goes')
    data.set_defaults(run=_data)


def _data(args: argparse.Namespace) -> int:
    if args.what == 'status':  # whatever is said of rooms
        from mmvd.apis.preparation import status

        print('\n'.join(status()))
        return 0
    from mmvd.apis.demo import rooms_sheet
    from mmvd.arguments import check_int
    from mmvd.engine.atomic_backend import save_png_atomically

    check_int('data', '--rooms', args.rooms)
    check_int('data', '--seed', args.seed, 0)
    save_png_atomically(rooms_sheet(args.rooms, args.seed, args.sensor, args.shuffle_textures), args.out)
    print(args.out)
    return 0
