"""Results carry their protocol; holes are counted; other methods' files are scored; KITTI's files are as it wants."""

from argparse import Namespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import BaseDataElement

from mmvd.errors import ConfigError, MissingInputsError, SampleError
from mmvd.evaluation import DepthCompletionMetric, KITTISubmissionWriter
from mmvd.evaluation.baselines import linear_fill, nearest_fill
from mmvd.evaluation.protocols import check_comparable
from mmvd.models import StoredPredictions
from tests.commands import script
from tests.conftest import ROOT
from tests.fabricate import completion_scene, fabricate_void
from tools.analysis import completion_tables
from tools.analysis.completion_tables import paper_table_1


def samples(count: int = 3, sizes=((20, 30), (40, 30), (20, 30))) -> list[dict]:
    found = []
    for k in range(count):
        truth, sparse = (torch.from_numpy(x)[None].float() for x in completion_scene(k, sizes[k]))
        noise = torch.from_numpy(np.random.default_rng(k).normal(0, 0.1 * (k + 1), (1, *sizes[k]))).float()
        found.append(dict(gt_depth=truth, input_depth=sparse, pred_depth=truth + 1 + noise, img_path=f'{k}.png'))
    return found


def result_of(given: list[dict], **settings) -> dict:
    metric = DepthCompletionMetric(baselines=('nearest',), **settings)
    metric.process({}, given)
    metric.evaluate(len(given))
    return metric.result


@pytest.mark.parametrize('reduction', ['image', 'pixel'])
def test_reductions_against_numpy(reduction):
    given, per_image = samples(), []
    for sample in given:
        truth, pred = sample['gt_depth'].double().numpy(), sample['pred_depth'].double().numpy().clip(0.01, 150)
        valid = truth > 0
        per_image.append((1000 * (pred - truth)[valid], np.abs(pred[valid] / truth[valid] - 1)))
    if reduction == 'image':
        rmse = np.mean([np.sqrt((error**2).mean()) for error, _ in per_image])
        relative = np.mean([rel.mean() for _, rel in per_image])
    else:
        rmse = np.sqrt((np.concatenate([error for error, _ in per_image]) ** 2).mean())
        relative = np.concatenate([rel for _, rel in per_image]).mean()
    found = result_of(given, reduction=reduction)
    assert found['errors']['model']['all']['rmse_mm'][0] == pytest.approx(rmse, rel=1e-5)
    assert found['errors']['model']['all']['abs_rel'][0] == pytest.approx(relative, rel=1e-5)
    assert found['protocol']['resolution'] == [[20, 30], [40, 30]]


def test_holes_are_counted_and_leave_no_number():
    given = samples()
    given[1]['gt_depth'] = torch.zeros_like(given[1]['gt_depth'])
    assert result_of(given)['holes'] == dict(no_valid_truth=1, prediction_not_finite=0)
    given[2]['pred_depth'][0, -1, -1] = torch.nan
    found = result_of(given)
    assert found['holes'] == dict(no_valid_truth=1, prediction_not_finite=1)
    assert found['errors']['model']['all']['rmse_mm'] == [None]
    assert found['errors']['nearest']['all']['rmse_mm'][0] > 0
    capped = result_of(samples(), cap_m=0.5)
    assert capped['holes']['no_valid_truth'] == 3


def test_different_protocols_do_not_stand_in_one_table():
    here = result_of(samples(), test_set='a')['protocol']
    check_comparable(dict(first=here, second=dict(here)))
    other = result_of(samples(), test_set='a', cap_m=5.0, reduction='pixel')['protocol']
    with pytest.raises(ConfigError, match=r'KBNet cannot stand in one table.*cap_m 150.0 against 5.0; reduction'):
        check_comparable(dict(ours=here, KBNet=other))


def test_linear_interpolation_is_exact_on_a_plane_and_nearest_outside():
    rows, columns = np.mgrid[:30, :40].astype(np.float32)
    plane = 1 + 0.1 * rows + 0.05 * columns
    sparse = np.zeros_like(plane)
    sparse[5:26:10, 5:36:10] = plane[5:26:10, 5:36:10]
    filled = linear_fill(sparse)
    np.testing.assert_allclose(filled[5:26, 5:36], plane[5:26, 5:36], rtol=1e-5)
    assert filled[0, 0] == sparse[5, 5] and (filled > 0).all()
    lonely = np.zeros_like(plane)
    lonely[3, 3:9] = 2.0  # all in one row: no hull
    np.testing.assert_array_equal(linear_fill(lonely), nearest_fill(lonely))


def stored(folder, image: str, size=(20, 30), **settings):
    model = StoredPredictions(str(folder), **settings)
    sample = BaseDataElement(metainfo=dict(img_path=image))
    inputs = torch.zeros(1, 4, *size)
    return model(inputs, [sample], gt_depth=torch.ones(1, 1, *size))[0].pred_depth


def test_predictions_on_disk(tmp_path):
    metres = completion_scene(0, (20, 30))[0].astype(np.float32)
    cv2.imwrite(str(tmp_path / 'a.png'), np.rint(metres * 1000).astype(np.uint16))
    np.save(tmp_path / 'b.npy', metres)
    (tmp_path / 'c.pfm').write_bytes(b'Pf\n30 20\n-1.0\n' + metres[::-1].tobytes())
    for name in 'abc':
        np.testing.assert_allclose(stored(tmp_path, f'/data/{name}.jpg')[0], metres, atol=6e-4)
    found = stored(tmp_path, '/seq/7/image/b.png', name_from=('.*/image/(.*).png', r'\1.npy'))
    np.testing.assert_array_equal(found[0], metres)
    for image, size in (('/data/missing.jpg', (20, 30)), ('/data/b.jpg', (21, 30))):
        assert torch.isnan(stored(tmp_path, image, size)).all()
    with pytest.raises(ConfigError, match='no such folder of predictions'):
        StoredPredictions(str(tmp_path / 'none'))
    model, inputs = StoredPredictions(str(tmp_path)), torch.zeros(1, 4, 20, 30)
    for scene in ('/1/', '/1/', '/2/'):  # the first one twice
        sample = BaseDataElement(metainfo=dict(img_path=f'{scene}b.png'))
        if scene == '/2/':
            with pytest.raises(ConfigError, match='for /1/b.png and /2/b.png: tell them apart by name_from'):
                model(inputs, [sample])
        else:
            model(inputs, [sample])


def test_images_of_other_sizes_in_one_batch(tmp_path):
    """The floors, the stored predictions and the files are those of each image alone, whatever it was batched with."""
    sizes, samples = ((20, 30), (24, 26)), []
    for name, size in zip('ab', sizes, strict=True):
        truth = torch.from_numpy(completion_scene(0, size)[0].astype(np.float32))[None]
        np.save(tmp_path / f'{name}.npy', truth[0].numpy() * 1.01)
        given = truth * (torch.rand(truth.shape, generator=torch.Generator().manual_seed(1)) < 0.1)
        image = torch.randint(0, 256, (3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
        samples.append(dict(inputs=image, depth=given, gt_depth=truth, data_samples=f'/data/{name}.jpg'))
    model, found = StoredPredictions(str(tmp_path)), []
    for count in (1, 2):
        metric = DepthCompletionMetric(baselines=('nearest', 'guided'))
        writer = KITTISubmissionWriter(str(tmp_path / str(count)))
        for start in range(0, 2, count):
            batch = {key: [sample[key] for sample in samples[start : start + count]] for key in samples[0]}
            batch['data_samples'] = [BaseDataElement(metainfo=dict(img_path=path)) for path in batch['data_samples']]
            predicted = model(**model.data_preprocessor(dict(batch)), mode='predict')
            metric.process(batch, predicted)
            writer.process(batch, predicted)
        metric.evaluate(2)
        found.append(metric.result)
        for name, size in zip('ab', sizes, strict=True):
            assert cv2.imread(str(tmp_path / str(count) / f'{name}.png'), cv2.IMREAD_UNCHANGED).shape == size
    assert found[0]['errors'] == found[1]['errors'] and found[0]['protocol'] == found[1]['protocol']
    assert found[1]['holes'] == found[0]['holes'] and not any(found[1]['holes'].values())


def test_kitti_files(tmp_path):
    writer = KITTISubmissionWriter(str(tmp_path / 'out'))
    depth = torch.tensor([[[0.0, 1.5, 80.0, 300.0]]])
    writer.process({}, [dict(pred_depth=depth, img_path='/x/image/0000000007.png')])
    assert writer.evaluate(1) == {'kitti/files': 1}
    found = cv2.imread(str(tmp_path / 'out/0000000007.png'), cv2.IMREAD_UNCHANGED)
    assert found.dtype == np.uint16 and found.tolist() == [[1, 384, 20480, 65535]]
    writer.process({}, [dict(pred_depth=depth, img_path='/x/7.png')])
    with pytest.raises(SampleError, match='a second image of this name'):
        writer.process({}, [dict(pred_depth=depth, img_path='/y/7.png')])
    with pytest.raises(SampleError, match='one finite prediction'):
        writer.process({}, [dict(pred_depth=depth * torch.nan, img_path='a.png')])


def test_tables_of_a_checkpoint(tmp_path, monkeypatch):
    config = Config.fromfile(ROOT / 'configs/vd/pretrain_tiny_pde_rooms.py')
    config.model.backbone.update(arch=dict(embed_dims=32, depth=4, num_heads=2))
    config.model.head.in_channels = 32
    config.dump(tmp_path / 'tiny.py')
    from mmvd.registry import MODELS

    torch.save(dict(state_dict=MODELS.build(config.model).state_dict(), meta={}), tmp_path / 'tiny.pth')
    fabricate_void(tmp_path / 'data/void_release', points=500)
    predictions = tmp_path / 'exact'
    for i in range(4):
        predictions.mkdir(exist_ok=True)
        np.save(predictions / f'{i}.npy', np.where((t := completion_scene(i)[0]) > 0, t, 1).astype(np.float32))
    monkeypatch.setenv('MMVD_DATA', str(tmp_path / 'data'))
    done = script(
        'analysis/completion_tables',
        *(tmp_path / 'tiny.pth', '--config', tmp_path / 'tiny.py', '--work-dir', tmp_path / 'out'),
        *('--stored', 'exact', predictions, '--tests', 'void_500'),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    other = script(
        'analysis/completion_tables',
        *(tmp_path / 'tiny.pth', '--config', ROOT / 'configs/vd/pretrain_tiny_pde_rooms.py', '--tests', 'void_500'),
        *('--work-dir', tmp_path / 'other'),
    )
    assert other.returncode == 2 and 'WeightsError' in other.stderr and 'does not fit' in other.stderr
    alone = tmp_path / 'alone.py'
    model = f"model = dict(_delete_=True, type='mmvd.StoredPredictions', folder='{predictions}')"
    alone.write_text(f"_base_ = '{ROOT}/configs/completion/void_500.py'\n{model}\ncustom_hooks = []\n")
    tested = script('test', alone, '--work-dir', tmp_path / 'alone')
    assert tested.returncode == 0 and 'all_rmse_mm: 0.0' in tested.stdout + tested.stderr, tested.stderr[-2000:]
    later = script('test', 'configs/completion/void_500.py', '--work-dir', tmp_path / 'later', tmp_path / 'gone.pth')
    assert later.returncode == 2 and 'gone.pth (no such checkpoint)' in later.stderr
    unnamed = script('test', 'configs/completion/void_500.py')
    assert unnamed.returncode == 2 and 'name the checkpoint to evaluate, after the config' in unnamed.stderr
    fabricate_void(tmp_path / 'data/void_release', 1, points=1500)
    swept = script(
        'analysis/completion_tables',
        *(tmp_path / 'tiny.pth', '--config', tmp_path / 'tiny.py', '--work-dir', tmp_path / 'swept'),
        *('--stored', 'exact', predictions, '--tests', 'void_auc'),
    )
    assert swept.returncode == 0 and 'no stored predictions: they are of one density' in swept.stdout, swept.stderr
    (tmp_path / 'data/void_release/void_500/data').rename(tmp_path / 'void_500')
    tests = (tmp_path / 'tiny.pth', '--config', tmp_path / 'tiny.py', '--work-dir', tmp_path / 'some')
    some = script('analysis/completion_tables', *tests, '--tests', 'void_auc', 'void_500')
    assert some.returncode == 2 and 'void_500.py needs what is not' in some.stderr and 'batches' not in some.stderr
    gone = script('analysis/completion_tables', '--stored', 'other', tmp_path / 'none')
    assert gone.returncode == 2 and 'none: no such folder of predictions' in gone.stderr
    twice = script('analysis/completion_tables', '--stored', 'this checkpoint', predictions)
    assert twice.returncode == 2 and 'this checkpoint, this checkpoint: give each METHOD another name' in twice.stderr
    text = (tmp_path / 'out/tables.txt').read_text()
    assert (
        'exact: 0.0' in text
        and 'this checkpoint, input kept:' in text
        and 'guided:' in text
        and 'nearest:' in text
        and 'VOID test, 500 points' in text
    )
    assert 'the paper  omnivore: 835.1  scratch: 244.2  eva02: 160.2  dinov2: 111.8' in text
    assert 'VD(Norm): 1.1656 (metres, by its size)' in text


@pytest.mark.parametrize(
    'message', ['K.txt: no such file', 'void_500.py needs what is not in place:\n  K.txt: no such file']
)
def test_data_that_are_not_here_leave_a_line(tmp_path, monkeypatch, message):
    def gone(*_):
        raise MissingInputsError(message)

    monkeypatch.setattr(completion_tables, 'evaluate', gone)
    arguments = Namespace(work_dir=str(tmp_path), tests=None, stored=[])
    model = Config(dict(model=dict(type='mmvd.DepthCompleter'))).model
    assert (
        completion_tables.table('void_500', arguments, model, 'c.pth')
        == 'void_500: data not here (K.txt: no such file)'
    )


def test_figures_of_the_paper_stand_beside_their_protocol():
    """Table 1 is in the configs of its rows, Table 2 in those of its protocols."""
    table = paper_table_1()
    found = table['void_auc']['auc_rmse_mm']
    assert len(found) == 14 and found['dinov2_norm_2p4_15m'] == 63.2
    assert set(table) == {'cityscapes_auc', 'nyuv2_auc', 'void_auc', 'lm_auc'}
