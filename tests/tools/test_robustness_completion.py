"""Curves of several models: their table and picture, and what would mix them up."""

import csv

import pytest
import torch

from mmvd.apis.loading import find_config
from mmvd.registry import MODELS
from tests.commands import script
from tests.conftest import ROOT

TINY = f"""_base_ = '{ROOT}/configs/vd/pretrain_tiny_pde_rooms.py'
model = dict(backbone=dict(arch=dict(embed_dims=32, depth=4, num_heads=2), img_size=56),
             head=dict(in_channels=32, channels=[16, 12, 8, 8]))
val_dataloader = dict(dataset=dict(dataset=dict(length=1)))
test_dataloader = val_dataloader
"""


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    """Config and checkpoint of a tiny model."""
    folder = tmp_path_factory.mktemp('curves')
    (folder / 'c.py').write_text(TINY)
    torch.save(dict(state_dict=MODELS.build(find_config(folder / 'c.py').model).state_dict()), folder / 'c.pth')
    return folder / 'c.py', folder / 'c.pth'


def test_table_and_picture(model, tmp_path):
    out = tmp_path / 'curves.csv'
    done = script('analysis/robustness_completion', '--model', 'tiny', *model, '--axes', 'scale', '--out', out)
    assert done.returncode == 0 and out.with_suffix('.png').is_file(), done.stderr[-2000:]
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert {row['method'] for row in rows} == {'tiny', 'tiny, input kept', 'nearest'}
    assert {row['axis'] for row in rows} == {'scale'} and rows[0]['command'].startswith('python ')


@pytest.mark.parametrize(
    ('labels', 'out', 'told'),
    [
        (('a', 'a'), 'x.csv', 'a, a: give each LABEL another name'),
        (('nearest',), 'x.csv', 'and none of a floor'),
        (('a',), 'x.png', 'end it in .csv'),
        (('a',), '', 'a folder, where a file is to be written'),
    ],
)
def test_what_would_mix_up_rows_or_files(model, tmp_path, labels, out, told):
    models = [part for label in labels for part in ('--model', label, *model)]
    done = script('analysis/robustness_completion', *models, '--axes', 'scale', '--out', tmp_path / out)
    assert done.returncode == 2 and told in done.stderr and 'batches' not in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_second_model_that_is_missing_is_told_before_the_first_runs(model, tmp_path):
    models = ('--model', 'a', *model, '--model', 'b', model[0], tmp_path / 'none.pth')
    done = script('analysis/robustness_completion', *models, '--axes', 'scale', '--out', tmp_path / 'x.csv')
    assert done.returncode == 2 and 'none.pth: no such weights file' in done.stderr and 'batches' not in done.stderr
