"""Shared helpers: tiny models and data, the folder of real frames."""

import gc
import os
from pathlib import Path

if 'MMVD_TEST_GPU' not in os.environ:  # `make test-gpu`; all other numbers are the CPU's, bit by bit
    os.environ['CUDA_VISIBLE_DEVICES'] = ''

import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.structures import BaseDataElement

import mmvd  # noqa: F401
from mmvd.registry import MODELS

ROOT = Path(__file__).parents[1]
# Processes that tests start must sum in the same order as the tests themselves: what is compared bit by bit needs one
# number of threads.
THREADS = 1 if 'PYTEST_XDIST_WORKER' in os.environ else 2
os.environ['OMP_NUM_THREADS'] = str(THREADS)
TINY = dict(arch=dict(embed_dims=32, depth=4, num_heads=2), patch_size=14, img_size=56)


def pytest_configure(config):
    torch.set_num_threads(THREADS)  # of what fixtures compute, too
    config.addinivalue_line('markers', 'gpu: needs a GPU and `make test-gpu`, skipped elsewhere')


def settle() -> None:
    """Free what is free; the rest is looked through no more: each dataset of mmengine's asks for all of a million."""
    gc.collect()
    gc.freeze()


def pytest_collection_finish():
    settle()


def pytest_runtest_setup(item):
    if item.get_closest_marker('gpu') and not torch.cuda.is_available():
        pytest.skip('torch sees no GPU: make test-gpu where there is one')


@pytest.fixture(scope='module', autouse=True)
def _settled():
    yield
    settle()  # what the tests of a module have imported


@pytest.fixture(autouse=True)
def _repeatable():
    torch.manual_seed(0)
    torch.set_num_threads(THREADS)
    yield
    for logger in MMLogger._instance_dict.values():  # runners leave open files behind
        logger.handlers.clear()


@pytest.fixture
def test_data() -> Path:
    """The folder of real frames."""
    folder = os.environ.get('MMVD_TEST_DATA')
    if not folder or not Path(folder).is_dir():
        pytest.skip('MMVD_TEST_DATA names no folder of real RGB-D frames')
    return Path(folder)


def logged(monkeypatch: pytest.MonkeyPatch, level: str = 'warning') -> list[str]:
    """What is logged from now on, in all instances: undone in one, a patch would stay there and hide the next."""
    lines = []
    monkeypatch.setattr(MMLogger, level, lambda self, text, *args: lines.append(text))
    return lines


def tiny_completer(
    test_cfg: dict | None = dict(kept_densities=[0.1, 0.5, 0.9], probe_density=0.5), **changes
) -> torch.nn.Module:
    """A complete model of a few thousand parameters; ``changes`` go to the backbone."""
    backbone = dict(type='mmvd.VDViT', strides=(2, 4, 8, 16), **{**TINY, **changes})
    return MODELS.build(
        dict(
            type='mmvd.DepthCompleter',
            data_preprocessor=dict(type='mmvd.RGBDDataPreprocessor', random_depth=dict(), random_density=dict()),
            backbone=backbone,
            head=dict(type='mmvd.DepthCompletionHead', in_channels=32, channels=(16, 12, 8, 8)),
            test_cfg=test_cfg,
        )
    )


def raw_batch(count: int = 2, height: int = 56, width: int = 56, first_key: int = 0) -> dict:
    """A batch as the collate function hands it over, with depth that varies smoothly between 0.5 and 5 m."""
    generator = torch.Generator().manual_seed(first_key)
    ramp = torch.linspace(0.5, 4, width).expand(height, width)
    return dict(
        inputs=[
            torch.randint(0, 256, (3, height, width), generator=generator, dtype=torch.uint8) for _ in range(count)
        ],
        depth=[(ramp + torch.rand((), generator=generator))[None] for _ in range(count)],
        data_samples=[BaseDataElement(metainfo=dict(sample_key=first_key + i)) for i in range(count)],
    )


def tiny_model():
    """A small depth completer behind the Python API, with random weights."""
    from mmvd.apis.model import VDModel

    torch.manual_seed(0)
    return VDModel(tiny_completer(test_cfg=None), torch.device('cpu'))


@pytest.fixture(scope='session')
def bop_rooms(tmp_path_factory):
    """A few rooms with rigid objects, in the layout of BOP."""
    pytest.importorskip('embreex')
    from mmvd.datasets.bop_writer import write_rooms

    root = tmp_path_factory.mktemp('bop') / 'bop_rooms'
    for _ in write_rooms(root, dict(train=4, val=2, test=3), (112, 144)):
        pass
    return root
