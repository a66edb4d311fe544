"""Data preprocessors of the three hosts: one input tensor, labels padded along, nothing else."""

import pytest
import torch
from mmengine.structures import BaseDataElement, InstanceData, PixelData

from mmvd.errors import ConfigError, SampleError
from mmvd.registry import MODELS

MEAN, STD = torch.tensor([123.675, 116.28, 103.53]), torch.tensor([58.395, 57.12, 57.375])
HOSTS = ('mmvd.RGBDSegDataPreprocessor', 'mmvd.RGBDClsDataPreprocessor', 'mmvd.RGBDDetDataPreprocessor')


def batch(sizes=((20, 30), (28, 15))) -> dict:
    return dict(
        inputs=[torch.randint(0, 256, (3, *size), dtype=torch.uint8) for size in sizes],
        depth=[torch.rand(1, *size) * 4 for size in sizes],
        data_samples=[BaseDataElement(metainfo=dict(img_shape=size)) for size in sizes],
    )


@pytest.mark.parametrize('host', HOSTS)
def test_inputs(host):
    data = batch()
    data['depth'][0][0, 0, 0] = float('nan')
    out = MODELS.build(dict(type=host))(data)
    assert set(out) == {'inputs', 'data_samples'} and out['inputs'].dtype == torch.float32
    height, width = (28, 30) if 'Cls' in host else (28, 42)
    assert out['inputs'].shape == (2, 4, height, width)
    rgb = data['inputs'][0].flip(0).float()  # BGR files, RGB order
    torch.testing.assert_close(out['inputs'][0, :3, :20, :30], (rgb - MEAN.view(-1, 1, 1)) / STD.view(-1, 1, 1))
    assert out['inputs'][0, 3, 0, 0] == 0 and torch.equal(out['inputs'][1, 3, :28, :15], data['depth'][1][0])
    assert (out['inputs'][0, :, 20:] == 0).all() and (
        out['inputs'][1, :, :, 15:] == 0
    ).all()  # mean colour, missing depth


@pytest.mark.parametrize('host', HOSTS)
def test_without_depth_and_with_wrong_depth(host):
    data = batch()
    depth = data.pop('depth')
    assert MODELS.build(dict(type=host))(data)['inputs'].shape[1] == 3
    with pytest.raises(SampleError, match='moved one without the other'):
        MODELS.build(dict(type=host))(dict(data, depth=depth[::-1]))


def test_stacked_batches_are_legal_for_classification():
    data = dict(inputs=torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8), depth=torch.rand(2, 1, 8, 8))
    assert MODELS.build(dict(type=HOSTS[1]))(data)['inputs'].shape == (2, 4, 8, 8)


def test_labels_of_another_size_than_their_image():
    preprocessor = MODELS.build(dict(type=HOSTS[0]))
    for side in (27, 28):  # padded, and not: then mmseg brings its logits to the labels
        data = batch(sizes=((side, side),))
        data['data_samples'][0].set_data(dict(gt_sem_seg=PixelData(data=torch.zeros(1, 56, 56, dtype=torch.long))))
        if side == 28:
            assert preprocessor(data, True)['data_samples'][0].gt_sem_seg.shape == (56, 56)
            continue
        with pytest.raises(SampleError, match=r'labels are \(56, 56\) but the image is \(27, 27\): put mmvd.RGBDRe'):
            preprocessor(data, True)


@pytest.mark.parametrize('training', [True, False])
def test_labels_of_panoptic_training_are_padded(training):
    pytest.importorskip('mmdet')
    data = batch()
    for sample, image in zip(data['data_samples'], data['inputs'], strict=True):
        sample.set_data(dict(gt_sem_seg=PixelData(sem_seg=torch.ones(1, *image.shape[-2:], dtype=torch.long))))
    out = MODELS.build(dict(type=HOSTS[2], size_divisor=16, seg_pad_value=7))(data, training)
    assert out['inputs'].shape[-2:] == (32, 32)
    if not training:  # what is compared stays as it is
        assert [each.gt_sem_seg.sem_seg.shape[1:] for each in out['data_samples']] == [(20, 30), (28, 15)]
        return
    labels = torch.stack([sample.gt_sem_seg.sem_seg for sample in out['data_samples']])
    assert labels.shape == (2, 1, 32, 32) and (labels[0, 0, :20, :30] == 1).all()
    assert (labels[0, 0, 20:] == 7).all() and (labels[1, 0, :, 15:] == 7).all()


def test_disparity_has_no_range_to_bring_depth_into():
    disparity = dict(type='mmvd.DisparityEncoding')
    with pytest.raises(ConfigError, match='DisparityEncoding knows no range into which max_depth=15.0'):
        MODELS.build(dict(type=HOSTS[0], max_depth=15.0, depth_encoding=disparity))


def test_sliding_windows_share_one_factor():
    """A far wall in one window of an image, the near table in another: both keep their ratio, as in the whole image."""
    data = batch(sizes=((28, 56), (28, 56)))
    data['depth'] = [torch.full((1, 28, 56), 2.0), torch.full((1, 28, 56), 3.0)]
    data['depth'][0][..., 28:] = 57.0
    out = MODELS.build(dict(type=HOSTS[0], max_depth=10.0))(data)
    torch.testing.assert_close(out['inputs'][0, 3, 0, [0, 55]], torch.tensor([2.0, 57.0]) * 9.5 / 57)
    assert torch.equal(out['inputs'][1, 3], data['depth'][1][0])  # within range already
    model = MODELS.build(dict(type='mmvd.VDViT', arch=dict(embed_dims=16, depth=4, num_heads=2), img_size=28))
    near = out['inputs'][..., :28]
    torch.testing.assert_close(model.extract(near).range_factor, torch.ones(2))  # a window changes nothing any more


@pytest.mark.parametrize('encoding', ['DisparityEncoding', 'PositionalPointEncoding'])
def test_encodings_that_do_not_read_metres_are_made_in_full_precision(encoding):
    data, settings = batch(((28, 28), (28, 28))), dict(depth_encoding=dict(type=f'mmvd.{encoding}'))
    expected = MODELS.build(dict(type=HOSTS[1], **settings))(dict(data))['inputs']
    if encoding != 'DisparityEncoding':  # which has a range; no depth here is beyond it
        settings['max_depth'] = 15.0
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(MODELS.build(dict(type=HOSTS[0], **settings))(dict(data))['inputs'], expected)
    assert not torch.equal(expected[:, 3:4], torch.stack(data['depth']))


@pytest.mark.parametrize('training', [True, False])
def test_segmentation_labels(training):
    data = batch()
    for sample in data['data_samples']:
        sample.set_data(dict(gt_sem_seg=PixelData(data=torch.ones(1, *sample.img_shape, dtype=torch.long))))
        sample.set_metainfo(dict(pad_shape=sample.img_shape))
    out = MODELS.build(dict(type=HOSTS[0], size=(56, 56), size_divisor=16, seg_pad_val=7))(data, training)
    first = out['data_samples'][0]
    assert out['inputs'].shape[-2:] == (first.pad_shape if training else first.img_shape)
    assert out['inputs'].shape[-2:] == ((64, 64) if training else (32, 32)) and training == ('pad_shape' in first)
    assert first.padding_size == ([0, 34, 0, 44] if training else [0, 2, 0, 12])
    labels = first.gt_sem_seg.data
    if training:
        assert labels.shape == (1, 64, 64) and (labels[0, :20, :30] == 1).all() and (labels[0, 20:] == 7).all()
    else:
        assert labels.shape == (1, 20, 30)


@pytest.mark.parametrize(('training', 'size'), [(True, (28, 42)), (False, (20, 30))])
def test_instance_masks(training, size):
    masks, boxes = pytest.importorskip('mmdet.structures.mask'), pytest.importorskip('mmdet.structures.bbox')
    data, instances = batch(((20, 30),)), masks.BitmapMasks([torch.ones(20, 30).numpy()], 20, 30)
    found = InstanceData(masks=instances, bboxes=boxes.HorizontalBoxes(torch.rand(1, 4)))
    data['data_samples'][0].set_data(dict(gt_instances=found))
    sample = MODELS.build(dict(type=HOSTS[2]))(data, training)['data_samples'][0]
    assert sample.batch_input_shape == sample.pad_shape == (28, 42) and type(sample.gt_instances.bboxes) is torch.Tensor
    assert sample.gt_instances.masks.masks.shape == (1, *size)
