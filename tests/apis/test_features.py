"""Features of a dataset, their cache, and what is fitted to them."""

import os
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import BaseDataElement
from safetensors.torch import save
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

from mmvd.apis.features import Features, _compute, extract_features, fit_probes, probe_accuracy
from mmvd.errors import ConfigError
from mmvd.models import LinearProbeHead
from mmvd.registry import MODELS
from tests.conftest import ROOT
from tests.test_classification import small
from tests.test_training import run


def test_feature_cache(tmp_path, monkeypatch):
    config = small(tmp_path)
    model, loader = MODELS.build(config.model), config.val_dataloader
    first = extract_features(model, config.model, loader, tmp_path)
    (path,) = tmp_path.glob('features_*.safetensors')
    stamp = path.stat().st_mtime_ns
    again = extract_features(model, config.model, loader, tmp_path)
    assert torch.equal(first.features, again.features) and path.stat().st_mtime_ns == stamp and first.is_test.sum() == 6
    whole = path.read_bytes()
    for damaged in (
        whole[:200],
        whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:],
        save(dict(features=torch.zeros(1))),
    ):  # computed anew
        path.write_bytes(damaged)
        assert torch.equal(extract_features(model, config.model, loader, tmp_path).features, first.features)
    torch.nn.init.normal_(model.backbone.rgb_stream.cls_token)  # other weights
    other = extract_features(model, config.model, loader, tmp_path)
    assert not torch.equal(other.features, first.features) and len(list(tmp_path.glob('features_*'))) == 2
    loader.dataset.datasets[1].seed = 7  # other data
    assert not torch.equal(extract_features(model, config.model, loader, tmp_path).features, other.features)
    renamed = next(iter(tmp_path.glob('features_*')))  # a file of another key under this name is not believed
    for old in list(tmp_path.glob('features_*')):
        if old != renamed:
            old.write_bytes(renamed.read_bytes())
    assert torch.equal(
        extract_features(model, config.model, loader, tmp_path).features,
        extract_features(model, config.model, loader).features,
    )
    count = len(list(tmp_path.glob('features_*')))
    for what, value in (
        ('batch_size', 3),
        ('num_workers', 0),
        ('sampler', dict(type='mmvd.EpochSampler', shuffle=True, seed=0)),
    ):  # images of different sizes are padded to the largest of their batch
        extract_features(model, config.model, dict(loader, **{what: value}), tmp_path)
    assert len(list(tmp_path.glob('features_*'))) == count + 2
    resized = dict(
        loader,
        dataset=dict(
            loader.dataset,
            pipeline=[
                dict(type='mmvd.GuessIntrinsics'),
                dict(type='mmvd.RGBDResize', size=48),
                *loader.dataset.pipeline,
            ],
        ),
    )
    extract_features(model, config.model, resized, tmp_path)
    config.model.backbone.gate = 'image'  # the same tensors, another meaning
    extract_features(MODELS.build(config.model), config.model, loader, tmp_path)
    assert len(list(tmp_path.glob('features_*'))) == count + 4
    monkeypatch.setattr('mmvd.apis.features.inspect_versions', lambda: dict(torch='another'))
    extract_features(MODELS.build(config.model), config.model, loader, tmp_path)
    assert len(list(tmp_path.glob('features_*'))) == count + 5
    with pytest.raises(ConfigError, match='may draw at random: take mmvd.RGBDRandomResizedCrop'):
        extract_features(model, config.model, config.train_dataloader, tmp_path)


def test_changed_files_make_a_cache_stale(tmp_path):
    for name in 'ab':
        cv2.imwrite(str(tmp_path / f'{name}.png'), np.full((56, 56, 3), ord(name), np.uint8))
        np.save(tmp_path / f'{name}.npy', np.ones((56, 56), np.float32))
    (tmp_path / 'l.txt').write_text('a.png a.npy bedroom\nb.png b.npy office\n')
    config = small(tmp_path)
    pack = config.val_dataloader.dataset.pipeline[-1]
    loader = dict(
        config.val_dataloader,
        dataset=dict(
            type='mmvd.RGBDClassDataset',
            data_root=str(tmp_path),
            ann_file='l.txt',
            decoder='npy',
            classes=['bedroom', 'office'],
            pipeline=[dict(type='LoadImageFromFile'), dict(type='mmvd.LoadDepth'), pack],
        ),
    )
    model = MODELS.build(config.model)
    first = extract_features(model, config.model, loader, tmp_path / 'cache')
    stamp = (tmp_path / 'a.png').stat()
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((56, 56, 3), np.uint8))
    os.utime(tmp_path / 'a.png', ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # as some copying tools do
    second = extract_features(model, config.model, loader, tmp_path / 'cache')
    assert not torch.equal(second.features, first.features)
    stamp = (tmp_path / 'a.npy').stat()
    np.save(tmp_path / 'a.npy', np.full((56, 56), 2, np.float32))  # as many bytes
    os.utime(tmp_path / 'a.npy', ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    third = extract_features(model, config.model, loader, tmp_path / 'cache')
    assert not torch.equal(third.features, second.features) and third.labels.tolist() == [0, 1]
    (tmp_path / 'l.txt').write_text('a.png a.npy office\nb.png b.npy office\n')
    assert extract_features(model, config.model, loader, tmp_path / 'cache').labels.tolist() == [1, 1]


def test_features_are_those_of_the_last_output_at_test():
    class Model(torch.nn.Module):
        def data_preprocessor(self, data, training):
            assert not training and not self.training
            return data

        def backbone(self, inputs):
            return inputs - 1, inputs.half()

    about = {3: 'test', 5: 'holdout'}.items()
    samples = [BaseDataElement(gt_label=torch.tensor([n]), metainfo=dict(split=split)) for n, split in about]
    found = _compute(Model(), [dict(inputs=torch.eye(2) * n, data_samples=samples) for n in (1, 2)])
    assert torch.equal(found.features, torch.cat((torch.eye(2), 2 * torch.eye(2))))
    assert found.labels.tolist() == [3, 5, 3, 5] and found.is_test.tolist() == [True, False] * 2


def test_steps_of_probes_draw_anew():
    class Head(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight, self.drawn, self.keys = torch.nn.Parameter(torch.zeros(())), [], []

        def loss(self, features, samples):
            (rows,) = features
            assert [int(each.gt_label) for each in samples] == (rows[:, 0] % 2).tolist()
            self.drawn.append(rows[:, 0].tolist())
            self.keys += [each.sample_key for each in samples]
            return dict(loss=1.0 * self.weight)

    numbers = torch.arange(50)
    train, drawn = Features(numbers[:, None], numbers % 2, numbers > 99), []
    for seed in (0, 0, 1):
        head = fit_probes(Head(), train, 2, 30, seed)
        assert all(len(set(each)) == 30 for each in head.drawn) and len(set(head.keys)) == 60
        assert float(head.weight) == pytest.approx(-1 - 0.5 * (0.9 + 1))  # two steps of rates 1 and 0.5
        drawn.append([tuple(each) for each in head.drawn] + head.keys)
    assert drawn[0] == drawn[1] and not set(drawn[0]) & set(drawn[2]) and drawn[0][0] != drawn[0][1]


def test_files_of_unknown_datasets_are_not_guessed(tmp_path, monkeypatch):
    config = small(tmp_path)
    monkeypatch.setattr('mmvd.apis.features.SyntheticRooms', Features)  # any class that the rooms are none of
    with pytest.raises(ConfigError, match='SyntheticRooms: it is not known which files it reads.*leave --cache out'):
        extract_features(MODELS.build(config.model), config.model, config.val_dataloader, tmp_path)


@pytest.fixture(scope='module')
def data():
    """1000 training, 250 held-out and 250 test samples."""
    x, y = make_classification(
        1500, 32, n_informative=12, n_classes=5, n_clusters_per_class=1, class_sep=0.8, random_state=0
    )
    whole = Features(torch.from_numpy(x).float(), torch.from_numpy(y), torch.arange(1500) >= 1250)
    return tuple(
        Features(whole.features[rows], whole.labels[rows], whole.is_test[rows])
        for rows in (slice(1000), slice(1000, None))
    )


def test_fitted_probes_are_as_good_as_logistic_regression(data):
    train, evaluated = data
    test = evaluated.part(True)
    reference = 100 * LogisticRegression(max_iter=2000).fit(train.features, train.labels).score(
        test.features, test.labels
    )
    head = fit_probes(LinearProbeHead(5, 32, [1e-4, 0.1, 0.2], [0.0, 0.3]), train, 200, 128)
    accuracy = probe_accuracy(head, test)
    assert (
        accuracy.shape == (6,)
        and float(accuracy.max()) >= reference - 2 > 60
        and float(accuracy.min()) < float(accuracy.max()) - 5
    )
    expected = [
        100 * float((test.features @ head.weight[h].T + head.bias[h]).argmax(1).eq(test.labels).float().mean())
        for h in range(6)
    ]
    assert accuracy.tolist() == pytest.approx(expected, abs=0.5)
    both = (accuracy + probe_accuracy(head, evaluated.part(False))) / 2  # more than are asked for at once
    torch.testing.assert_close(probe_accuracy(head, evaluated), both)


def test_the_grid_is_chosen_on_the_held_out_part_or_not_at_all(data, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from tools.analysis.probe_features import grid_accuracy, holdout_chooses

    train, evaluated = data
    head = dict(type='mmvd.LinearProbeHead', num_classes=5, in_channels=32, learning_rates=[1e-5, 0.1], dropouts=[0.0])
    config = Config(
        dict(
            model=dict(head=head), train_cfg=dict(max_epochs=10), train_dataloader=dict(batch_size=100, sampler=dict())
        )
    )  # an epoch: all samples
    head = fit_probes(MODELS.build(config.model.head), train, 100, 100)
    test, holdout = (probe_accuracy(head, evaluated.part(is_test)) for is_test in (True, False))
    assert holdout[1] > holdout[0] + 20  # the low rate learns nothing
    assert grid_accuracy(config, train, evaluated) == (float(test[1]), float(test.max()))
    assert grid_accuracy(config, train, evaluated.part(True)) == (None, float(test.max()))

    class Rooms(SimpleNamespace):
        def __len__(self):
            return 2

    def part(seed, split='test', names=('a', 'b')):
        return Rooms(metainfo=dict(scenes=names), split=split, name_of=lambda index: f'room {seed}/{index}')

    assert holdout_chooses(2, part(0), SimpleNamespace(datasets=[part(1, 'holdout'), part(2)]))
    assert not holdout_chooses(
        2, part(0), SimpleNamespace(datasets=[part(0, 'holdout'), part(2)])
    )  # the paper's protocol
    for classes, parts, text in (
        (3, [part(1)], 'have 2 classes, and the head of the model num_classes=3'),
        (2, [part(1, names=('b', 'a'))], "class 0 is 'b' here and 'a' there"),
        (2, [part(1, names=('a',))], "class 1 is none here and 'b' there"),
        (2, [part(1, 'holdout'), part(0)], '2 test samples are trained on'),
        (2, [part(1, 'holdout'), part(1)], '2 test samples are in the held-out part'),
    ):
        with pytest.raises(ConfigError, match=text):
            holdout_chooses(classes, part(0), SimpleNamespace(datasets=parts))
    foreign = Rooms(metainfo=dict(classes=('a', 'b')), get_data_info=lambda index: dict(filename='a.jpg'))
    with pytest.raises(ConfigError, match='Rooms: its samples have no img_path'):
        holdout_chooses(2, foreign, SimpleNamespace(datasets=[part(1)]))


def test_probes_of_a_config(tmp_path):
    config = small(tmp_path)
    config.dump(tmp_path / 'c.py')
    command = ('tools/analysis/probe_features.py', str(tmp_path / 'c.py'))
    done = run(*command, '--knn', '1', '5', '50', '90', '--probes', '--logistic', '--cache', str(tmp_path / 'cache'))
    assert done.returncode == 0 and '12 training, 6 test images, 64 features' in done.stdout, done.stderr[-2000:]
    assert [line.split(':')[0] for line in done.stdout.splitlines() if 'NN' in line] == ['1-NN', '5-NN', '12-NN']
    assert (
        'chosen on the held-out part ' in done.stdout
        and 'best of them' in done.stdout
        and 'logistic regression: ' in done.stdout
    )
    again = run(*command, '--knn', '1', '5', '50', '90', '--probes', '--logistic')
    first, second = ([line for line in each.stdout.splitlines() if ' %' in line] for each in (done, again))
    assert len(first) == 5 and first == second  # also the random encoder is drawn from the seed of the config
    for arguments, text in (
        (('--knn', '0'), '--knn must be a whole number of at least 1, got 0'),
        (('--device', 'cuda'), 'torch sees 0 GPUs'),
        (('--cfg-options', 'model.backbone.out=rgb'), 'the encoder gives 32 channels'),
    ):
        if text != 'torch sees 0 GPUs' or not torch.cuda.is_available():
            done = run(*command, '--probes', *arguments)
            assert done.returncode == 2 and text in done.stderr and 'batches' not in done.stderr, done.stderr[-2000:]
