"""What the model sees, drawn; what is here of the datasets, told."""

import shutil

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure

from mmvd.apis import preparation
from mmvd.datasets import SyntheticRooms
from mmvd.errors import SampleError
from mmvd.registry import DATASETS
from mmvd.visualization import depth_histograms, samples_picture
from tests.commands import script
from tests.conftest import ROOT
from tests.fabricate import fabricate_fifteen, fabricate_kitti_raw, fabricate_nine, fabricate_void


def browse(*arguments, **environment):
    return script('analysis/browse_dataset', *arguments, **environment)


def test_nine_datasets_in_pictures(tmp_path):
    fabricate_nine(tmp_path / 'data')
    for image in tmp_path.glob('data/*/*/000001/depth/*.png'):  # nothing to learn from: redrawn, and told
        cv2.imwrite(str(image), np.zeros((48, 64), np.uint16))
    config = 'configs/vd/pretrain_scratch_pde.py'
    done = browse(config, '--samples', 12, '--out', tmp_path / 'out', MMVD_DATA=str(tmp_path / 'data'))
    assert done.returncode == 0, done.stderr[-2000:]
    redrawn = [line for line in done.stdout.splitlines() if line.startswith('redrawn: ')]
    assert redrawn and all('has 0 pixels with depth' in line for line in redrawn)
    for name in ('train_samples.png', 'train_depth.png'):
        picture = cv2.imread(str(tmp_path / 'out' / name))
        assert picture is not None and picture.shape[1] > 800 and picture.std() > 5


def test_a_part_of_the_data_is_looked_at(tmp_path):
    fabricate_nine(tmp_path / 'data')
    for name in ('tless', 'ycbv'):
        shutil.rmtree(tmp_path / 'data' / name)
    words = ('configs/vd/pretrain_scratch_pde.py', '--samples', 12, '--out', tmp_path / 'out')
    data = dict(MMVD_DATA=str(tmp_path / 'data'))
    done = browse(*words, **data)
    named = [line.split(':')[0] for line in done.stderr.splitlines()]
    assert done.returncode == 2 and named[1:3] == ['dataset tless', 'dataset ycbv'], done.stderr
    assert '--cfg-options train_dataloader.dataset.only=' in done.stderr
    empty = next((tmp_path / 'data/scannet').glob('scans/*/depth/*.png'))
    empty.write_bytes(b'')
    of_workers = ('train_dataloader.timeout=60', 'train_dataloader.prefetch_factor=4')
    done = browse(*words, '--cfg-options', 'train_dataloader.dataset.only=lm,scannet', *of_workers, **data)
    assert done.returncode == 0 and f'left out: {empty}: ' in done.stdout, done.stderr
    assert (tmp_path / 'out/train_samples.png').is_file() and (tmp_path / 'out/train_depth.png').is_file()
    for path in (tmp_path / 'data/scannet').glob('scans/*/depth/*.png'):
        path.write_bytes(b'')
    (tmp_path / 'endless.py').write_text(
        f"_base_ = '{ROOT}/configs/vd/pretrain_scratch_pde.py'\n"
        "train_dataloader = dict(sampler=dict(_delete_=True, type='InfiniteSampler'))\n"
    )
    for config in (words[0], tmp_path / 'endless.py'):
        done = browse(config, *words[1:], '--cfg-options', 'train_dataloader.dataset.only=scannet', **data)
        assert done.returncode == 2 and done.stderr.count('\n') == 1, done.stderr
        assert done.stdout.count('left out: ') == 20
    done = browse('--out', tmp_path / 'out', '--cfg-options', 'model.x=1')
    assert done.returncode == 2 and 'no config to override' in done.stderr


def test_what_was_read_is_kept_where_the_rest_fails(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(ROOT))
    from tools.analysis.browse_dataset import readable

    class Loader:
        """Two batches, then none that can be read, without an end."""

        def __init__(self, good):
            self.left = good

        def __iter__(self):
            return self

        def __next__(self):
            self.left -= 1
            if self.left < 0:
                raise SampleError('damaged')
            return self.left

    assert list(readable(Loader(2), 3)) == [1, 0] and capsys.readouterr().out == 'left out: damaged\n' * 3
    with pytest.raises(SampleError, match='damaged'):
        list(readable(Loader(0), 3))


def test_depth_of_the_paper_in_one_figure(tmp_path):
    done = browse('--out', tmp_path / 'out', MMVD_DATA=str(tmp_path))
    assert done.returncode == 2 and 'there is no depth to draw' in done.stderr
    fabricate_fifteen(tmp_path)
    (tmp_path / 'lmo/test/000002/scene_camera.json').unlink()
    done = browse('--out', tmp_path / 'out', MMVD_DATA=str(tmp_path))
    left_out = [line.split(':')[1].strip() for line in done.stdout.splitlines() if line.startswith('left out: ')]
    assert done.returncode == 0 and left_out == ['sunrgbd', 'lmo']  # no list, no camera
    picture = cv2.imread(str(tmp_path / 'out/paper_depth.png'))
    assert picture is not None and picture.shape[1] > 1000 and picture.std() > 5


def test_maps_that_cannot_be_read_are_left_out_of_the_figure(tmp_path):
    fabricate_void(tmp_path / 'void_release')
    fabricate_kitti_raw(tmp_path / 'kitti')
    for path in (tmp_path / 'kitti').rglob('proj_depth/groundtruth/*/*.png'):
        path.write_bytes(b'')
    done = browse('--out', tmp_path / 'out', MMVD_DATA=str(tmp_path))
    assert done.returncode == 0 and f'left out: {tmp_path}/kitti/val/' in done.stdout, done.stderr
    for path in (tmp_path / 'void_release').rglob('ground_truth/*.png'):
        path.write_bytes(b'')
    done = browse('--out', tmp_path / 'out', MMVD_DATA=str(tmp_path))
    assert done.returncode == 2 and 'there is no depth to draw' in done.stderr


@pytest.mark.parametrize('task', ['seg', 'det', 'cls'])
def test_labels_of_a_host_are_drawn(tmp_path, monkeypatch, task):
    config, seed, size = dict(
        seg=('seg/m2f_vd_rooms_tiny', 1010, 56),
        det=('det/mask2former_vd_rooms', 1010, 112),
        cls=('cls/linear84_vd_rooms', 1020, 112),
    )[task]
    figures, save = [], Figure.savefig
    monkeypatch.setattr(Figure, 'savefig', lambda figure, *a, **kw: figures.append(figure) or save(figure, *a, **kw))
    done = browse(f'configs/{config}.py', '--samples', 1, '--loader', 'val', '--out', tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / 'val_samples.png').is_file() and 'val_depth' not in done.stdout
    axes = {axis.get_title(): axis for axis in figures[0].axes}
    room, names = SyntheticRooms(length=1, seed=seed, size=(size, size)).get_data_info(0), SyntheticRooms.METAINFO
    assert ('encoding 0' in axes) == (task != 'det')
    np.testing.assert_array_equal(axes['depth given'].images[0].get_array(), room['depth'])
    np.testing.assert_allclose(axes['RGB'].images[0].get_array().astype(int), room['img'][..., ::-1], atol=1)
    if task == 'seg':
        np.testing.assert_array_equal(axes['labels'].images[0].get_array(), room['gt_seg_map'] % 20)
    if task == 'det':
        numbers, where, pixels = np.unique(room['gt_instance_map'], return_index=True, return_counts=True)
        classes = room['gt_seg_map'].ravel()[where[(numbers > 0) & (pixels >= 20)]]
        texts = [text.get_text() for text in axes['objects'].texts]
        assert len(texts) > 3 and sorted(texts) == sorted(names['classes'][each] for each in classes)
    if task == 'cls':
        assert axes['RGB'].get_ylabel() == f'0\n{names["scenes"][room["gt_label"]]}'


def test_pictures_of_what_is_odd(tmp_path):
    empty = np.zeros((4, 6), np.float32)
    samples = [{'RGB': np.zeros((4, 6, 3), np.uint8), 'depth given': empty}, {'labels': np.full((4, 6), 255)}]
    samples_picture(samples, ['a', 'b'], tmp_path / 'a.png')
    depth_histograms(dict(none=[empty], some=[empty + 2]), tmp_path / 'b.png')
    assert all(cv2.imread(str(tmp_path / name)) is not None for name in ('a.png', 'b.png'))


def test_status_of_what_is_here(tmp_path, monkeypatch):
    monkeypatch.setenv('MMVD_DATA', str(tmp_path))
    fabricate_nine(tmp_path)
    fabricate_void(tmp_path / 'void_release')
    fabricate_kitti_raw(tmp_path / 'kitti')
    for name in ('mvip', 'hb'):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'a.zip').write_bytes(b'no archive')
    lines = {line.split()[0]: line for line in preparation.status() if line.startswith('  ')}
    assert 'cannot be read in place' in lines['homebrew'] and 'not here' in lines['lmo']  # the others are told of
    assert (
        'a.zip must be unpacked, classes are folders' in lines['mvip'] and 'mvip' in lines['cls/linear84_vd_mvip'][50:]
    )
    assert 'here, not prepared: python tools/dataset_converters/prepare.py lm' in lines['lm']
    assert 'not here' in lines['homebrew'] and 'not prepared' in lines['void'] and 'not prepared' in lines['kitti']
    assert lines['vd/pretrain_tiny_pde_rooms'].endswith('ready')
    assert lines['vd/pretrain_dinov2_pde'].endswith('needs weights/dinov2_vitb14_pretrain.pth')
    assert lines['weights/dinov2_vitb14_pretrain.pth:'].endswith('docs/guides/pretraining.md')  # made by
    assert lines[f'{tmp_path}/nyuv2_filled:'].endswith(': python tools/dataset_converters/nyuv2.py --depth filled')
    assert lines['pose/poet_vd_lmo'].endswith(
        f'needs weights/vd_dinov2_pde.pth, lmo, {tmp_path}/lmo/models_eval/models_info.json'
    )
    assert {'pose/poet_rgb_ycbv', 'seg/m2f_rgb_rooms', 'det/mask2former_vd_rooms'} <= lines.keys()
    assert lines['vd/pretrain_scratch_pde'].endswith('ready')  # the nine are here, and it starts at random


def test_whatever_a_recipe_lacks_has_a_maker(tmp_path, monkeypatch):
    monkeypatch.setenv('MMVD_DATA', str(tmp_path / 'data'))
    monkeypatch.setenv('MMVD_WEIGHTS', str(tmp_path / 'weights'))
    monkeypatch.delenv('MMVD_TEST_DATA', raising=False)
    monkeypatch.chdir(tmp_path)
    lines = list(preparation.status())
    recipes, makers = lines.index('Recipes (training; test for completion):'), lines.index('Made by:')
    papers = {line.split()[0] for line in lines[1:recipes]}
    made = {place for line in lines[makers + 1 :] for place in line.split(': ')[0].strip().split(', ')}
    needed = {
        each for line in lines[recipes:makers] if ' needs ' in line for each in line.split(' needs ')[1].split(', ')
    }
    assert len(needed) > 30 and needed <= papers | made, needed - papers - made
    assert all('; ask: ' in line for line in lines[1:recipes])


def test_table_and_configs_name_the_same_datasets():
    assert len(preparation.expectations()) == 15 + 1  # and NYUv2's raw sequences
    for name, settings in preparation.paper_datasets().items():
        assert DATASETS.get(settings['type']).missing(dict(settings, data_root=f'/none/{name}'))


@pytest.mark.parametrize(
    ('tool', 'arguments', 'told'),
    [
        ('benchmark_index', ['--rows', '3000'], 'index  opens in'),
        ('benchmark_mixture', ['configs/vd/pretrain_tiny_pde_rooms.py', '--samples', '2'], 'the mixture'),
    ],
)
def test_benchmarks_of_data(tool, arguments, told):
    done = script(f'analysis/{tool}', *arguments)
    assert done.returncode == 0 and told in done.stdout, done.stderr


def test_only_what_a_config_draws_from_is_timed(tmp_path):
    path = tmp_path / 'config.py'
    path.write_text(
        f"_base_ = '{ROOT}/configs/vd/pretrain_tiny_pde_rooms.py'\n"
        "gone = dict(type='mmvd.BOPDataset', data_root='/none', split='test')\n"
        "train_dataloader = dict(dataset=dict(datasets=dict(gone=gone), only='rooms'))\n"
    )
    done = script('analysis/benchmark_mixture', path, '--samples', 1)
    assert done.returncode == 0 and done.stdout.startswith('rooms '), done.stderr


@pytest.mark.parametrize(
    ('change', 'text'),
    [
        ("lm = dict(type='mmvd.BOPDataset', data_root='/none')", 'BOPDataset needs the argument split'),
        ("lm = dict(type='mmvd.BOBDataset', data_root='/none')", "there is no dataset 'mmvd.BOBDataset'"),
        ("lm = dict(type='mmvd.RGBDDataset', data_root='/')", 'RGBDDataset needs the argument decoder'),
        ("lm = dict(type='mmvd.RGBDDataset', decoder='mm16')", 'RGBDDataset needs the argument data_root'),
        ("lm = dict(type='mmvd.RGBDDataset', data_root='/', decoder='mm16')", 'give either ann_file or images'),
        ('lm = 3', 'train_dataloader.dataset.datasets.lm must be dict(...), got 3'),
    ],
)
@pytest.mark.parametrize(
    'tool',
    [
        'dataset_converters/prepare',
        'dataset_converters/verify',
        'analysis/browse_dataset',
        'analysis/benchmark_mixture',
    ],
)
def test_configs_that_cannot_work_are_one_line(tmp_path, tool, change, text):
    path = tmp_path / 'config.py'
    path.write_text(
        f"_base_ = '{ROOT}/configs/vd/pretrain_tiny_pde_rooms.py'\n{change}\n"
        'train_dataloader = dict(dataset=dict(datasets=dict(lm=lm)))\n'
    )
    done = script(tool, path)
    assert done.returncode == 2 and text in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.parametrize(
    ('change', 'text'),
    [
        ("train_dataloader = dict(sampler=dict(type='NoSampler'))", 'the loader cannot be built'),
        ("model = dict(data_preprocessor=dict(type='NoPre'))", 'the data preprocessor cannot be built'),
        ('model = dict(_delete_=True)', 'has no model'),
    ],
)
def test_what_cannot_be_drawn_is_one_line(tmp_path, change, text):
    path = tmp_path / 'config.py'
    path.write_text(f"_base_ = '{ROOT}/configs/vd/pretrain_tiny_pde_rooms.py'\n{change}\n")
    done = browse(path, '--out', tmp_path / 'out')
    assert done.returncode == 2 and text in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr


def test_a_config_without_validation(tmp_path):
    path = tmp_path / 'config.py'
    path.write_text(f"_base_ = '{ROOT}/configs/vd/pretrain_tiny_pde_rooms.py'\nval_dataloader = None\n")
    done = browse(path, '--loader', 'val', '--out', tmp_path / 'out')
    assert done.returncode == 2 and 'has no val_dataloader' in done.stderr
    done = script('dataset_converters/verify', path)
    assert done.returncode == 2 and 'none of its datasets reads files' in done.stderr
    done = script('dataset_converters/prepare', path)
    assert done.returncode == 2 and 'there is nothing to prepare' in done.stderr
    path.write_text('work_dir = 3\n')
    done = script('analysis/benchmark_mixture', path)
    assert done.returncode == 2 and 'trains on no mmvd.EvenMixture' in done.stderr
