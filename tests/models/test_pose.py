"""PoET's parts against closed forms, and the whole model on rooms."""

import json

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from scipy.spatial.transform import Rotation

from mmvd import ops
from mmvd.datasets.bop_files import read_models_info
from mmvd.errors import ConfigError, SampleError
from mmvd.evaluation.pose import symmetry_transforms, translation_error
from mmvd.models.pose import BoxQueryEncoding, PoseLoss, poet_head
from mmvd.registry import MODELS


def rotations(count: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(Rotation.random(count, random_state=seed).as_matrix()).float()


def test_six_numbers_are_gram_and_schmidts_rotation():
    x = torch.randn(50, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = ops.rotation_from_6d(x)
    for numbers, matrix in zip(x.numpy(), found.numpy(), strict=True):
        q, r = np.linalg.qr(numbers.reshape(2, 3).T)
        q = q * np.sign(np.diag(r))  # QR is Gram and Schmidt's up to signs
        np.testing.assert_allclose(matrix[:, :2], q, atol=1e-9)
        np.testing.assert_allclose(np.linalg.det(matrix), 1)


def test_angles_and_their_gradients():
    a, b = rotations(100), rotations(100, 1)
    expected = (Rotation.from_matrix(a.numpy()).inv() * Rotation.from_matrix(b.numpy())).magnitude()
    np.testing.assert_allclose(ops.rotation_angle(a, b), expected, atol=1e-5)
    same = a.clone().requires_grad_()
    ops.rotation_angle(same, a).sum().backward()
    assert torch.isfinite(same.grad).all()
    zero = torch.zeros(2, 3, requires_grad=True)
    ops.safe_norm(zero).sum().backward()
    assert (zero.grad == 0).all() and ops.safe_norm(torch.tensor([[3.0, 4, 0]])) == 5


@pytest.mark.parametrize(('frequencies', 'shift_px', 'similarity'), [
    (32, 0.01, 0.71), (32, 1.0, 0.62), (32, 20.0, 0.54), (10, 0.01, 1.0), (10, 1.0, 0.97), (10, 20.0, 0.67),
])  # fmt: skip
def test_the_code_of_a_box_is_no_hash(frequencies, shift_px, similarity):
    code = BoxQueryEncoding(256, frequencies)
    boxes = torch.rand(4000, 4, generator=torch.Generator().manual_seed(0))
    moved = boxes + torch.tensor([1.0, 1, 0, 0]) * shift_px / 640  # the centre, of an image 640 pixels wide
    found = torch.cosine_similarity(code(boxes), code(moved), dim=-1).mean()
    assert found == pytest.approx(similarity, abs=0.045)


def test_layout_of_the_code():
    code = BoxQueryEncoding(256, 32)(torch.tensor([[0.1, 0.2, 0.3, 0.4]]))
    powers = 2.0 ** torch.arange(32)
    for k, value in enumerate((0.1, 0.2, 0.3, 0.4)):
        block = code[0, 64 * k : 64 * (k + 1)]
        torch.testing.assert_close(block[:16], (value * powers[:16]).sin(), atol=1e-2, rtol=0)
        torch.testing.assert_close(block[32:42], (value * powers[:10]).cos(), atol=1e-3, rtol=0)
    with pytest.raises(ConfigError, match='need embed_dims of 256'):
        BoxQueryEncoding(128, 32)


def test_symmetric_objects_are_forgiven(bop_rooms):
    blind, aware = PoseLoss(models=None), PoseLoss(models=str(bop_rooms / 'models'))
    info = read_models_info(bop_rooms / 'models')
    R, t = rotations(2), torch.ones(2, 3)
    half = torch.tensor(info[6]['symmetries_discrete'][0]).view(4, 4)[:3, :3]
    ids = torch.tensor([6, 1])  # the box and the bracket
    turned = R @ half
    losses = aware(turned, t, R, t, ids), blind(turned, t, R, t, ids)
    assert losses[1]['loss_rotation'] == pytest.approx(np.pi, abs=1e-3)
    assert losses[0]['loss_rotation'] == pytest.approx(np.pi / 2, abs=1e-3)  # the bracket is not
    spun = torch.from_numpy(Rotation.from_euler('z', 33, degrees=True).as_matrix()).float()
    cylinder = aware(R @ spun, t + torch.tensor([0.3, 0, 0.4]), R, t, torch.tensor([8, 8]))
    assert cylinder['loss_rotation'] < np.radians(3) and cylinder['loss_translation'] == pytest.approx(0.5)
    with torch.autocast('cpu', torch.bfloat16):  # which has no place for a degree
        with torch.autocast('cpu', enabled=False):
            estimate = R @ spun
        losses = aware(estimate, t, R, t, torch.tensor([8, 1]))
    assert losses['loss_rotation'] == pytest.approx(np.radians(33) / 2, abs=0.03)
    heavy = PoseLoss(models=None, translation_weight=2.0, rotation_weight=3.0)(turned, t + 1, R, t, ids)
    plain = blind(turned, t + 1, R, t, ids)
    assert heavy['loss_translation'] == 2 * plain['loss_translation'] == pytest.approx(2 * 3**0.5)
    assert heavy['loss_rotation'] == 3 * plain['loss_rotation']
    nothing = aware(R[:0], t[:0], R[:0], t[:0], ids[:0])
    assert nothing['loss_rotation'] == nothing['loss_translation'] == 0


HEAD = dict(
    type='mmvd.PoETHead', in_channels=[8, 8], num_classes=3, embed_dims=32, num_heads=4, feedforward=32,
    encoder_layers=1, decoder_layers=2, dropout=0.0, box_frequencies=4, loss=dict(type='mmvd.PoseLoss', models=None),
)  # fmt: skip


def run(head, boxes, labels, valid, size=(32, 48), intrinsics=None, shape=None):
    generator = torch.Generator().manual_seed(1)
    features = [torch.randn(len(boxes), 8, *grid, generator=generator) for grid in ((4, 6), (2, 3))]
    meta = dict(batch_input_shape=size, img_shape=shape or size, intrinsics=intrinsics)
    with torch.no_grad():
        return head(features, boxes, labels, valid, [meta] * len(boxes))


@pytest.fixture
def head():
    torch.manual_seed(0)
    head = MODELS.build(HEAD)
    head.init_weights()
    for each in head.modules():  # the sampling offsets of Deformable DETR start without a weight
        if hasattr(each, 'sampling_offsets'):
            torch.nn.init.normal_(each.sampling_offsets.weight, std=0.1)
    return head.eval()


BOXES = torch.tensor([[[4.0, 4, 20, 24], [10, 2, 40, 30], [1, 1, 9, 9]]])
LABELS = torch.tensor([[0, 2, 1]])


def test_padding_changes_no_query(head):
    valid = torch.tensor([[True, True, False]])
    first = run(head, BOXES, LABELS, valid)
    other = BOXES.clone()
    other[0, 2] = torch.tensor([30.0, 20, 31, 21])
    again, alone = run(head, other, LABELS, valid), run(head, BOXES[:, :2], LABELS[:, :2], valid[:, :2])
    for a, b, c in zip(first, again, alone, strict=True):
        assert torch.equal(a[:, :, :2], b[:, :, :2]) and torch.allclose(a[:, :, :2], c, atol=1e-5)
    leaking = run(head, other, LABELS, torch.ones(1, 3, dtype=torch.bool))
    assert not torch.allclose(leaking[1][:, :, :2], first[1][:, :, :2])
    assert all(torch.isfinite(x).all() for x in run(head, BOXES, LABELS, torch.zeros(1, 3, dtype=torch.bool)))


def test_outputs_of_the_classes(head):
    valid = torch.ones(1, 3, dtype=torch.bool)
    R, t = run(head, BOXES, LABELS, valid)
    assert R.shape == (2, 1, 3, 3, 3) and t.shape == (2, 1, 3, 3) and t[..., 2].mean() == pytest.approx(1.0, abs=0.5)
    torch.testing.assert_close(R @ R.transpose(-1, -2), torch.eye(3).expand_as(R), atol=1e-5, rtol=0)
    other = run(head, BOXES, torch.tensor([[1, 2, 1]]), valid)
    assert not torch.equal(R[:, :, 0], other[0][:, :, 0]) and torch.equal(R[:, :, 1], other[0][:, :, 1])
    agnostic = MODELS.build(dict(HEAD, class_mode='agnostic')).eval()
    assert torch.equal(run(agnostic, BOXES, LABELS, valid)[0], run(agnostic, BOXES, LABELS * 0, valid)[0])


def test_projected_places_follow_the_camera():
    torch.manual_seed(0)
    head = MODELS.build(dict(HEAD, translation='projected', reference='box'))
    head.init_weights()
    head.eval()
    valid, K = torch.ones(1, 3, dtype=torch.bool), np.array([[40.0, 0, 23.5], [0, 40, 15.5], [0, 0, 1]], np.float32)
    narrow, wide = K.copy(), K.copy()
    narrow[[0, 1], [0, 1]] *= 2
    a, b = (run(head, BOXES, LABELS, valid, intrinsics=camera)[1] for camera in (wide, narrow))
    torch.testing.assert_close(a[..., :2], 2 * b[..., :2])
    torch.testing.assert_close(a[..., 2], b[..., 2])
    place = torch.tensor([0.25, -0.5, 2.0]).expand(1, *BOXES.shape[:2], 3)
    found = head._translations(place, BOXES, [dict(intrinsics=K)])[0] @ torch.from_numpy(K).T
    size, centre = BOXES[..., 2:] - BOXES[..., :2], (BOXES[..., 2:] + BOXES[..., :2]) / 2
    expected = centre + torch.tensor([0.25, -0.5]) * size - 0.5  # the first pixel's centre is 0, its edge was -0.5
    torch.testing.assert_close(found[..., :2] / found[..., 2:], expected)
    torch.testing.assert_close(found[..., 2], torch.full_like(found[..., 2], 2.0))
    behind = head._translations(place * torch.tensor([1, 1, -1]), BOXES, [dict(intrinsics=K)])[..., 2]
    torch.testing.assert_close(behind, torch.full_like(behind, 0.05))  # nothing is seen nearer
    with pytest.raises(SampleError, match='needs the intrinsics'):
        run(head, BOXES, LABELS, valid)


def test_padding_of_the_image_moves_nothing(head):
    """Alone or padded beside a larger one, an image is looked at in the same places."""
    seen = []
    for each in head.modules():
        if type(each).__name__ == 'DeformableDetrTransformerDecoderLayer':
            each.register_forward_pre_hook(
                lambda module, args, kwargs: seen.append(kwargs['reference_points'] * SIZES[len(seen) // 2]),
                with_kwargs=True,
            )
    valid = torch.ones(1, 3, dtype=torch.bool)
    run(head, BOXES, LABELS, valid)
    run(head, BOXES, LABELS, valid, size=(64, 96), shape=(32, 48))
    torch.testing.assert_close(seen[0][0, :, 0], (BOXES[0, :, :2] + BOXES[0, :, 2:]) / 2)
    torch.testing.assert_close(seen[2][:, :, 0], seen[0][:, :, 0])  # in pixels; the second grid cannot tell half of it


SIZES = (torch.tensor([48.0, 32]), torch.tensor([96.0, 64]))


def test_symmetries_with_a_shift_are_forgiven_in_translation(tmp_path):
    folder = tmp_path / 'models'
    folder.mkdir()
    motion = [[-1.0, 0, 0, 60], [0, -1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]  # a half turn beside the origin
    info = dict(diameter=100.0, symmetries_discrete=[[x for row in motion for x in row]])
    (folder / 'models_info.json').write_text(json.dumps({'1': info}))
    R, t = rotations(1), torch.tensor([[0.1, 0.2, 1.0]])
    motion = torch.tensor(motion)
    equivalent = R @ motion[:3, :3], t + (R @ motion[:3, 3:])[..., 0] / 1000
    losses = PoseLoss(models=str(folder))(*equivalent, R, t, torch.tensor([1]))
    assert losses['loss_translation'] < 1e-5 and losses['loss_rotation'] < 1e-3
    mm = [x[0].double().numpy() for x in (*equivalent, R, t)]
    mm[1], mm[3] = 1000 * mm[1], 1000 * mm[3]
    assert translation_error(*mm, symmetry_transforms(info)) < 1e-3


def test_padded_parts_of_an_image_are_not_looked_at(head):
    valid = torch.ones(1, 3, dtype=torch.bool)
    small, whole = run(head, BOXES, LABELS, valid, shape=(16, 24)), run(head, BOXES, LABELS, valid)
    assert not torch.allclose(small[1], whole[1])
    generator = torch.Generator().manual_seed(1)
    features = [torch.randn(1, 8, 4, 6, generator=generator), torch.randn(1, 8, 2, 3, generator=generator)]
    changed = [features[0].clone(), features[1].clone()]
    changed[0][:, :, 2:], changed[0][..., 3:], changed[1][:, :, 1:], changed[1][..., 2:] = 9, 9, 9, 9
    meta = [dict(batch_input_shape=(32, 48), img_shape=(16, 24), intrinsics=None)]
    head.neck = torch.nn.Identity()  # GroupNorm sees the whole map
    wide = [each.repeat(1, 4, 1, 1) for each in features], [each.repeat(1, 4, 1, 1) for each in changed]
    with torch.no_grad():
        a, b = (head._encode(maps, meta)['value'] for maps in wide)
    keys = ~head._encode(wide[0], meta)['key_padding_mask']
    assert torch.allclose(a[keys], b[keys], atol=1e-5)


def test_what_a_query_is_told(head):
    """Its box in shares of the image, width before height, and the last maps with the code of their place and level."""
    seen, valid = [], torch.ones(1, 3, dtype=torch.bool)
    record = lambda module, args, kwargs: seen.append(kwargs['reference_points'])  # noqa: E731
    head.decoder.register_forward_pre_hook(record, with_kwargs=True)
    head.reference = 'box'
    run(head, BOXES, LABELS, valid)
    corners = BOXES / torch.tensor([48.0, 32, 48, 32])
    size = corners[..., 2:] - corners[..., :2]
    torch.testing.assert_close(seen[0], torch.cat((corners[..., :2] + size / 2, size), -1))
    maps = [torch.randn(1, 8, 4, 6), torch.randn(1, 8, 2, 3)]
    metas, head.encoder = [dict(batch_input_shape=(32, 48), img_shape=(32, 48))], None
    with torch.no_grad():
        tokens = torch.cat([each.flatten(2).transpose(1, 2) for each in head.neck(maps)], 1)
        told = head._encode(maps, metas)['value']
        assert torch.equal(head._encode([torch.randn(1, 8, 8, 12), *maps], metas)['value'], told)
        places = (told - tokens)[0] - head.level_embed.repeat_interleave(torch.tensor([24, 6]), 0)
    assert places.abs().max() <= 1 + 1e-5 and len(places.mul(1e4).round().unique(dim=0)) > 24  # sines of the place


def test_shares_of_an_image_that_is_padded(head):
    maps = [torch.zeros(1, 8, 4, 6), torch.zeros(1, 8, 2, 3)]
    with torch.no_grad():
        found = head._encode(maps, [dict(batch_input_shape=(32, 48), img_shape=(16, 48))])
    torch.testing.assert_close(found['valid_ratios'], torch.tensor([[[1.0, 0.5]] * 2]))
    padding = poet_head._padding([dict(batch_input_shape=(4, 6), img_shape=(3, 5))], torch.device('cpu'))
    assert (~padding).sum() == 15 and not padding[0, :3, :5].any()


def test_a_detectors_boxes_do_not_train(bop_rooms):
    from mmdet.structures import DetDataSample

    sample = DetDataSample()
    sample.proposals = InstanceData(bboxes=torch.zeros(1, 4), labels=torch.zeros(1, dtype=torch.int64))
    sample.gt_instances = InstanceData(labels=torch.zeros(2, dtype=torch.int64))
    model = MODELS.build(
        dict(
            type='mmvd.PoseEstimator',
            backbone=dict(type='mmvd.VDViT', arch=dict(embed_dims=32, depth=4, num_heads=2), patch_size=8, img_size=56),
            head=dict(HEAD, in_channels=[32, 32]),
        )
    )
    sample.set_metainfo(dict(batch_input_shape=(56, 56), img_shape=(56, 56)))
    with pytest.raises(ConfigError, match='training needs the boxes of the annotated objects'):
        model(torch.zeros(1, 4, 56, 56), [sample], mode='loss')
