"""Plain projects of mmseg, mmpretrain and mmdet: nothing but custom_imports and types knows of mmvd.

The projects are the configs in tests/foreign; the hosts' own tools run them, with the hosts' own samplers.
"""

import ast
import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope

from tests.conftest import ROOT
from tests.fabricate import SIZE, stripes

FOREIGN = ROOT / 'tests/foreign'


class Project(NamedTuple):
    """A config, and what is to be expected of it."""

    host: str
    config: str
    checkpoint: str
    metric: str
    draws: bool = False  # whether something of mmvd is random in training, and tells once where its draws come from

    @property
    def path(self) -> Path:
        return FOREIGN / self.config

    @property
    def trained(self) -> Path:
        """Where the host's train.py leaves the checkpoint."""
        return Path('work_dirs') / self.path.stem / self.checkpoint


SEGFORMER = Project('mmseg', 'segmentation/segformer.py', 'iter_4.pth', 'mIoU')
UPERNET = Project('mmseg', 'segmentation/upernet.py', 'iter_4.pth', 'mIoU')
LINEAR = Project('mmpretrain', 'classification/linear.py', 'epoch_2.pth', 'accuracy/top1', draws=True)
RETINANET = Project('mmdet', 'detection/retinanet.py', 'epoch_1.pth', 'coco/bbox_mAP')
PROJECTS = (SEGFORMER, UPERNET, LINEAR, RETINANET)


def each(*projects):
    """One worker takes what belongs to one host, whose projects are run once."""
    cases = [pytest.param(p, marks=pytest.mark.xdist_group(f'foreign {p.host}'), id=p.config) for p in projects]
    return pytest.mark.parametrize('project', cases)


def scene(data: Path, name: str) -> None:
    """An image whose blue and green tell the depth of a pixel, that depth in millimetres, and three labels."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    files = dict(
        images=np.stack((4 * x, 5 * y, 255 - 4 * x), 2).astype(np.uint8),
        depth=(1000 + 40 * x + 25 * y).astype(np.uint16),
        labels=stripes([0, 1, 2]),
    )
    for folder, array in files.items():
        path = data / folder / (f'{name}.jpg' if folder == 'images' else f'{name}.png')
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), array, [cv2.IMWRITE_JPEG_QUALITY, 98] if folder == 'images' else [])


def told_by_colour(image) -> np.ndarray:
    """Metres of each pixel of a (3, H, W) BGR image of :func:`scene`."""
    return 1 + 0.01 * image[0].numpy() + 0.005 * image[1].numpy()


def fabricate(data: Path, host: str) -> None:
    """Both splits as the host's dataset reads them: folders of files, folders of classes, or a COCO file."""
    for split in ('train', 'val'):
        names = ['cat/0', 'cat/1', 'dog/0', 'dog/1'] if host == 'mmpretrain' else ['0', '1']
        for name in names:
            scene(data, f'{split}/{name}')
        boxes = [dict(image_id=i, category_id=i + 1, bbox=[8, 8, 24, 32]) for i in range(2)]
        contents = dict(
            images=[dict(id=i, file_name=f'{i}.jpg', height=SIZE[0], width=SIZE[1]) for i in range(2)],
            annotations=[dict(box, id=i, area=24 * 32, iscrowd=0) for i, box in enumerate(boxes, 1)],
            categories=[dict(id=1, name='box'), dict(id=2, name='ball')],
        )
        (data / f'{split}.json').write_text(json.dumps(contents))


# Several scripts in one process, since imports are most of the time of each; and a look at what arrives. The garbage
# collector would wait ten seconds for the persistent workers of a loader whose queues it has closed: it gets none.
RUNNER = """
import gc, json, runpy, sys
import torch

def look(module, inputs):
    if type(module).__name__ == 'VDViT':
        print('the backbone sees', inputs[0].shape[1], 'channels', flush=True)

torch.nn.modules.module.register_module_forward_pre_hook(look)
for command in json.loads(sys.argv[1]):
    print('<step>', flush=True)
    sys.argv = command
    runpy.run_path(command[0], run_name='__main__')
    gc.freeze()
"""

# The same in the terms of the three hosts: a path, of which depth_from makes that of the depth file, and a bare array.
# mmpretrain's inference_model serves its model zoo alone, and its class for the rest hands on no path.
PREDICT = """
import sys
import mmcv
{load}
for image in ({image!r}, mmcv.imread({image!r})):
    try:
        predict(model, image)
        print('predicted', flush=True)
    except Exception as error:
        print('refused', type(error).__name__, error, flush=True)
"""
LOAD = dict(
    mmseg="""from mmseg.apis import inference_model as predict, init_model
model = init_model(*sys.argv[1:], device='cpu')""",
    mmdet="""from mmdet.apis import inference_detector as predict, init_detector
model = init_detector(*sys.argv[1:], device='cpu')""",
    mmpretrain="""from mmpretrain.apis import ImageClassificationInferencer
model = ImageClassificationInferencer(sys.argv[1], pretrained=sys.argv[2])
predict = ImageClassificationInferencer.__call__""",
)


def run(folder: Path, *commands: list[str]) -> list[str]:
    """What each of the scripts, run in one process, says."""
    done = subprocess.run(
        [sys.executable, '-c', RUNNER, json.dumps(commands)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout.split('<step>\n')[1:]


def run_host(folder: Path, host: str) -> dict[Project, list[str]]:
    """What train.py, test.py and the host's inference say of each of its projects."""
    fabricate(folder / 'data', host)
    image = 'data/images/val/' + ('cat/0.jpg' if host == 'mmpretrain' else '0.jpg')
    (folder / 'predict.py').write_text(PREDICT.format(load=LOAD[host], image=image))
    tools, commands = Path(find_spec(host).origin).parent / '.mim/tools', []
    projects = [project for project in PROJECTS if project.host == host]
    for project in projects:
        config, checkpoint = str(project.path), str(project.trained)
        commands += [[str(tools / 'train.py'), config], [str(tools / 'test.py'), config, checkpoint]]
        commands += [['predict.py', config, checkpoint]]
    # Told once in a process: what train.py tells would hide that test.py tells as well. mmdet's test.py and apis on the
    # other hand import compiled operators before they read the config: where those lack, train.py has brought mmvd's.
    cut = 1 if any(project.draws for project in projects) else 0
    said = (run(folder, *commands[:cut]) if cut else []) + run(folder, *commands[cut:])
    return {project: said[3 * i : 3 * i + 3] for i, project in enumerate(projects)}


@pytest.fixture(scope='module')
def ran(tmp_path_factory):
    """Run the projects of a host once; gives what was said of a project, and the folder."""
    known = {}

    def once(project: Project) -> tuple[list[str], Path]:
        if project.host not in known:
            folder = tmp_path_factory.mktemp('their')
            known[project.host] = run_host(folder, project.host), folder
        said, folder = known[project.host]
        return said[project], folder

    return once


def test_the_projects_are_configs_that_name_mmvd_in_imports_and_types_alone():
    files = {path for path in FOREIGN.rglob('*') if path.is_file() and '__pycache__' not in path.parts}
    assert files == {project.path for project in PROJECTS}
    for path in files:
        tree = ast.parse(path.read_text())
        assert all(isinstance(node, ast.Assign) for node in tree.body[1:]), path  # no code, after the docstring
        calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call)}
        assert calls <= {'dict', 'len'}, path
        named = {node for node in ast.walk(tree) if isinstance(node, ast.Constant) and 'mmvd' in str(node.value)}
        types = {node.value for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == 'type'}
        inherits = any(node.targets[0].id == '_base_' for node in tree.body[1:])
        assert [node.value for node in named - types] == ([] if inherits else ['mmvd']), path  # that of custom_imports
    for project in PROJECTS:
        config = Config.fromfile(project.path)
        assert config.custom_imports == dict(imports=['mmvd'])
        samplers = config.train_dataloader.sampler.type, config.val_dataloader.sampler.type
        assert samplers == ('InfiniteSampler' if project.host == 'mmseg' else 'DefaultSampler', 'DefaultSampler')


@each(*PROJECTS)
def test_the_hosts_own_tools_train_and_test(ran, project):
    (train, test, _), folder = ran(project)
    assert (folder / project.trained).is_file()
    assert re.search(rf'\(val\).* {project.metric}: -?\d', train)
    assert re.search(rf'\(test\).* {project.metric}: -?\d', test)
    assert set(re.findall(r'the backbone sees \d channels', train + test)) == {'the backbone sees 4 channels'}
    assert train.count("mmvd: the sampler is the host's") == project.draws
    assert "mmvd: the sampler is the host's" not in test


@each(SEGFORMER, UPERNET, RETINANET)
def test_the_hosts_own_inference_finds_the_depth_of_a_path(ran, project):
    *_, said = ran(project)[0]
    assert re.search(r'the backbone sees 4 channels\npredicted\n', said), said


@each(*PROJECTS)
def test_the_hosts_own_inference_without_a_path_names_ours(ran, project):
    *_, said = ran(project)[0]
    refusals = re.findall(r'refused ConfigError LoadDepth: no depth_path beside the image: .*RGBDSegInferencer', said)
    assert refusals and said.rstrip().splitlines()[-1].startswith(refusals[-1]), said  # of the array, the last one
    assert project.host != 'mmpretrain' or len(refusals) == 2 and 'predicted' not in said, said


@pytest.mark.parametrize('name', ['seg/m2f_vd_rooms_tiny', 'seg/m2f_vd_sunrgbd'])
def test_shipped_configs_name_our_call_to_mmsegs_inference(name):
    from mmseg.apis import inference_model, init_model

    from mmvd.errors import ConfigError

    config = Config.fromfile(ROOT / f'configs/{name}.py')
    config.model.backbone.arch = dict(embed_dims=32, depth=4, num_heads=2)
    config.model.backbone.init_cfg = dict(type='Random')
    config.model.decode_head.in_channels = [64] * 4
    model = init_model(config, device='cpu')
    with pytest.raises(ConfigError, match='RGBDSegInferencer'):
        inference_model(model, str(ROOT / 'docs/rooms.png'))


def test_mmsegs_own_geometry_moves_depth_along(tmp_path, monkeypatch):
    from mmseg.registry import DATASETS

    fabricate(tmp_path / 'data', 'mmseg')
    monkeypatch.chdir(tmp_path)
    np.random.seed(0)
    config, flips = Config.fromfile(SEGFORMER.path), set()
    for loader in (config.train_dataloader, config.val_dataloader):
        # Colour is the gauge here: nothing may distort it.
        kept = [step for step in loader.dataset.pipeline if step.type != 'PhotoMetricDistortion']
        loader.dataset.pipeline = kept
        with DefaultScope.overwrite_default_scope('mmseg'):
            samples = [DATASETS.build(loader.dataset)[i % 2] for i in range(8)]
        for sample in samples:
            depth = sample['depth'][0].numpy()
            assert depth.shape == ((56, 56) if loader is config.train_dataloader else (90, 120))
            assert np.abs(depth - told_by_colour(sample['inputs'])).mean() < 0.03
            flips.add(sample['data_samples'].get('flip'))
    assert {True, False} <= flips
