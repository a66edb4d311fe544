"""``data``: what of the datasets is here, a picture of the built-in rooms, and rooms with objects for 6D pose."""

import argparse


def add_commands(commands) -> None:
    """Add ``data``."""
    data = commands.add_parser('data', help='contact sheet of the built-in rooms, rooms for 6D pose, status')
    data.add_argument('what', nargs='?', choices=('rooms', 'status', 'bop'), default='rooms', help='rooms by default')
    data.add_argument('folder', nargs='?', help='bop: where the dataset in the layout of BOP goes')
    data.add_argument('--rooms', type=int, default=12)
    data.add_argument('--seed', type=int, default=0)
    data.add_argument('--sensor', action='store_true', help='depth as the sensor model sees it')
    data.add_argument('--shuffle-textures', action='store_true', help='colours that say nothing of the class')
    data.add_argument('--out', default='work_dirs/rooms.png', help='where the picture goes')
    data.add_argument('--frames', type=int, nargs=3, default=(1024, 32, 64), help='bop: of train, val and test')
    data.add_argument('--size', type=int, nargs=2, default=(168, 224), help='bop: height and width in pixels')
    data.add_argument('--field-deg', type=float, nargs=2, default=(55.0, 80.0), help='bop: least and largest view')
    data.set_defaults(run=_data)


def _data(args: argparse.Namespace) -> int:
    if args.what == 'status':  # whatever is said of rooms
        from mmvd.apis.preparation import status

        print('\n'.join(status()))
        return 0
    if args.what == 'bop':
        return _write_bop(args)
    from mmvd.apis.demo import rooms_sheet
    from mmvd.arguments import check_int
    from mmvd.engine.atomic_backend import save_png_atomically

    check_int('data', '--rooms', args.rooms)
    check_int('data', '--seed', args.seed, 0)
    save_png_atomically(rooms_sheet(args.rooms, args.seed, args.sensor, args.shuffle_textures), args.out)
    print(args.out)
    return 0


def _write_bop(args: argparse.Namespace) -> int:
    from pathlib import Path

    from tqdm import tqdm

    from mmvd.arguments import check_int, check_size
    from mmvd.datasets.bop_writer import write_rooms
    from mmvd.errors import ConfigError

    if not args.folder:
        raise ConfigError('data bop: give the folder where the dataset goes')
    for count in args.frames:
        check_int('data bop', '--frames', count)
    check_int('data bop', '--seed', args.seed, 0)
    size = check_size('data bop', '--size', tuple(args.size))
    frames = dict(zip(('train', 'val', 'test'), args.frames, strict=True))
    if not 10 <= args.field_deg[0] <= args.field_deg[1] <= 120:
        raise ConfigError(f'data bop: --field-deg must be two angles from 10 to 120, got {tuple(args.field_deg)}')
    written = write_rooms(Path(args.folder), frames, size, tuple(args.field_deg), args.seed)
    for _ in tqdm(written, 'rooms', sum(args.frames)):
        pass
    print(f'{sum(args.frames)} frames of eight objects in {args.folder}')
    return 0
