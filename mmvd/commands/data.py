"""``data``: what of the datasets is here, a picture of the built-in rooms, and rooms with objects for 6D pose."""

import argparse

_OPTIONS = dict(  # and what they are where they are not given
    rooms=dict(rooms=12, seed=0, sensor=False, shuffle_textures=False, out='work_dirs/rooms.png'),
    bop=dict(folder=None, frames=(1024, 32, 64), size=(168, 224), field_deg=(55.0, 80.0), seed=0),
    status={},
)


def add_commands(commands) -> None:
    """Add ``data``."""
    data = commands.add_parser('data', help='contact sheet of the built-in rooms, rooms for 6D pose, status')
    data.add_argument('what', nargs='?', choices=tuple(_OPTIONS), default='rooms', help='rooms by default')
    data.add_argument('folder', nargs='?', help='bop: where the dataset in the layout of BOP goes')
    data.add_argument('--rooms', type=int, help='rooms: how many are drawn, 12 by default')
    data.add_argument('--seed', type=int, help='rooms, bop: 0 by default')
    data.add_argument('--sensor', action='store_true', default=None, help='rooms: depth as the sensor model sees it')
    data.add_argument(
        '--shuffle-textures', action='store_true', default=None, help='rooms: colours that say nothing of the class'
    )
    data.add_argument('--out', help='rooms: where the picture goes, work_dirs/rooms.png by default')
    data.add_argument('--frames', type=int, nargs=3, help='bop: of train, val and test, 1024 32 64 by default')
    data.add_argument('--size', type=int, nargs=2, help='bop: height and width in pixels, 168 224 by default')
    data.add_argument('--field-deg', type=float, nargs=2, help='bop: least and largest view, 55 80 by default')
    data.set_defaults(run=_data)


def _settings(args: argparse.Namespace) -> argparse.Namespace:
    """The options of the command, none of another one."""
    from mmvd.errors import ConfigError

    known = _OPTIONS[args.what]
    given = {key: getattr(args, key) for each in _OPTIONS.values() for key in each if getattr(args, key) is not None}
    odd = ', '.join(sorted(key.replace('_', '-') for key in given.keys() - known.keys()))
    if odd:
        raise ConfigError(f'data {args.what}: takes no {odd}')
    return argparse.Namespace(what=args.what, **{**known, **given})


def _data(args: argparse.Namespace) -> int:
    args = _settings(args)
    if args.what == 'status':
        from mmvd.apis.preparation import status

        print('\n'.join(status()))
        return 0
    if args.what == 'bop':
        return _write_bop(args)
    from pathlib import Path

    from mmvd.apis.demo import rooms_sheet
    from mmvd.arguments import check_int
    from mmvd.saving import check_picture, save_png_atomically

    check_int('data', '--rooms', args.rooms)
    check_int('data', '--seed', args.seed, 0)
    check_picture(Path(args.out))
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
