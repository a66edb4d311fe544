"""The guides: their code runs, the commands in them exist and parse, their links lead somewhere, the site builds."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from mmengine.config import Config

import mmvd
from mmvd.__main__ import main
from mmvd.apis.packing import pack
from mmvd.apis.preparation import expectations
from mmvd.commands import make_parser
from mmvd.registry import MODELS
from tests.conftest import ROOT

PAGES = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted((ROOT / 'docs').rglob('*.md'))]
_FENCE = re.compile(r'^```(\w*)\n(.*?)^```', re.MULTILINE | re.DOTALL)
_WAITS = ('--serve', 'IMAGE', 'CONFIG', 'FOLDER')  # a page that waits, and what stands for your files


def blocks(page: Path, language: str) -> list[str]:
    return [text for found, text in _FENCE.findall(page.read_text()) if found == language]


def commands(page: Path) -> list[str]:
    lines = [line.split('  #')[0].strip() for text in blocks(page, '') for line in text.splitlines()]
    return [line for line in lines if re.match(r'(python|make|pip) ', line)]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def packed(model, config, folder, classes=()):
    model.dataset_meta = dict(classes=list(classes))
    pack(model, config, folder, 'docs')


@pytest.fixture(scope='module')
def workspace(tmp_path_factory):
    """A folder as the guides assume it: packed models of three tasks, one pair, a folder of frames."""
    folder = tmp_path_factory.mktemp('docs')
    config = Config.fromfile(ROOT / 'configs/vd/pretrain_tiny_pde_rooms.py')
    packed(mmvd.load_model(config, device='cpu').completer, config, folder / 'model')
    config = Config.fromfile(ROOT / 'configs/seg/m2f_vd_rooms_tiny.py')
    packed(MODELS.build(config.model), config, folder / 'segmentor')
    config = Config.fromfile(ROOT / 'configs/cls/linear84_vd_rooms.py')
    config.model.backbone.init_cfg = None
    loss = dict(type='mmpretrain.CrossEntropyLoss')
    config.model.head = dict(type='mmpretrain.LinearClsHead', num_classes=2, in_channels=192, loss=loss)
    packed(MODELS.build(config.model), config, folder / 'classifier', ('indoors', 'outdoors'))
    rgb = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    depth = np.full((96, 128), 1500, np.uint16)
    for kind in ('color', 'depth'):
        (folder / 'frames' / kind).mkdir(parents=True)
    cv2.imwrite(str(folder / 'rgb.png'), rgb)
    cv2.imwrite(str(folder / 'depth.png'), depth)
    for index in range(2):
        cv2.imwrite(str(folder / f'frames/color/{index}.jpg'), rgb)
        cv2.imwrite(str(folder / f'frames/depth/{index}.png'), depth)
    return folder


@pytest.mark.parametrize('page', [page for page in PAGES if blocks(page, 'python')], ids=name)
def test_code_runs(page, workspace, monkeypatch):
    monkeypatch.chdir(workspace)
    space = {}
    for text in blocks(page, 'python'):
        exec(compile(text, name(page), 'exec'), space)


@pytest.mark.parametrize('page', [page for page in PAGES if commands(page)], ids=name)
def test_commands_exist(page):
    for command in commands(page):
        words = shlex.split(command)
        if words[:3] == ['python', '-m', 'mmvd']:
            make_parser().parse_args(words[3:])
            continue
        for word in words:
            if word.startswith(('tools/', 'configs/')) and not re.search(r'[*{]', word):
                assert (ROOT / word).is_file(), f'{command}: {word}'
        if words[0] == 'make':
            assert re.search(rf'^{words[1]}:', (ROOT / 'Makefile').read_text(), re.MULTILINE), command


def test_commands_of_the_inference_guide_run(workspace, monkeypatch, capsys):
    monkeypatch.chdir(workspace)
    lines = commands(ROOT / 'docs/guides/inference.md')
    runnable = [line for line in lines if 'python -m mmvd' in line and not any(word in line for word in _WAITS)]
    assert len(runnable) >= 8
    for line in runnable:
        monkeypatch.setattr(sys, 'argv', ['mmvd', *shlex.split(line)[3:]])
        assert main() == 0 or 'doctor' in line, f'{line}: {capsys.readouterr().err}'


@pytest.mark.parametrize('page', PAGES, ids=name)
def test_links_lead_somewhere(page):
    for target in re.findall(r'\]\(([^)#\s]+)', page.read_text()):
        if not target.startswith('http'):
            assert (page.parent / target).exists(), target


def test_every_page_is_in_the_site():
    navigation = yaml.safe_load((ROOT / 'mkdocs.yml').read_text())['nav']
    listed = set(re.findall(r'[\w/]+\.md', str(navigation)))
    assert listed == {page.relative_to(ROOT / 'docs').as_posix() for page in PAGES if 'docs' in page.parts}


def test_the_site_builds_without_a_warning(tmp_path):
    if shutil.which('mkdocs', path=Path(sys.executable).parent) is None:
        pytest.skip('the extra [docs] is not installed')
    done = subprocess.run(
        [sys.executable, '-m', 'mkdocs', 'build', '--strict', '-d', str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, 'NO_MKDOCS_2_WARNING': '1'},
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / 'reference/ops/index.html').read_text()
    assert 'positional_depth_encoding' in page and 'fonts.googleapis' not in page


def test_index_of_models():
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())
    names = [model['Name'] for model in index['Models']]
    assert len(names) == len(set(names)) >= 4
    assert all((ROOT / model['Config']).is_file() for model in index['Models'])


def test_licences_of_the_guide_are_those_of_the_table():
    guide = (ROOT / 'docs/guides/datasets.md').read_text()
    for name, row in expectations().items():
        line = f'| `{name}` | {row["licence"]} | {row["ask"]} |'
        assert name == 'nyuv2_raw' or line in guide, line
