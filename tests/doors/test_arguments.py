"""Arguments of everything a config builds: numbers, words and shapes that cannot work are refused when it is built."""

import pytest

import mmvd.registry
from mmvd.errors import ConfigError
from mmvd.registry import TRANSFORMS

NAN, INF = float('nan'), float('inf')

TRANSFORM_ROWS = [
    ('RGBDResize', dict(size=0), 'size'),
    ('RGBDResize', dict(size=-56), 'size'),
    ('RGBDResize', dict(size=2.5), 'size'),
    ('RGBDResize', dict(size='56'), 'size'),
    ('RGBDResize', dict(size=True), 'size'),
    ('RGBDResize', dict(size=(56, 0)), 'size'),
    ('RGBDResize', dict(size=(56, 56, 56)), 'size'),
    ('RGBDResize', dict(size=None), 'size'),
    ('RGBDResize', dict(size=56, divisor=0), 'divisor'),
    ('RGBDResize', dict(size=56, interpolation='nearest'), 'interpolation'),
    ('RGBDRandomFlip', dict(horizontal=1.5), 'horizontal'),
    ('RGBDRandomFlip', dict(horizontal=-0.1), 'horizontal'),
    ('RGBDRandomFlip', dict(vertical=NAN), 'vertical'),
    ('RGBDRandomFlip', dict(vertical='no'), 'vertical'),
    ('RGBDRandomRotate', dict(max_degrees=-1), 'max_degrees'),
    ('RGBDRandomRotate', dict(max_degrees=999), 'max_degrees'),
    ('RGBDRandomRotate', dict(prob=2), 'prob'),
    ('RGBDRandomCrop', dict(size=(0, 5)), 'size'),
    ('RGBDRandomCrop', dict(size=5), 'size'),
    ('RGBDRandomCrop', dict(size=(5, 5), cat_max_ratio=1.2), 'cat_max_ratio'),
    ('RGBDRandomCrop', dict(size=(5, 5), ignore_index='none'), 'ignore_index'),
    ('RGBDCenterCrop', dict(size=-3), 'size'),
    ('RGBDCenterCrop', dict(size=(3, -3)), 'size'),
    ('RGBDRandomResizedCrop', dict(size=0), 'size'),
    ('RGBDRandomResizedCrop', dict(size=56, scale=(0.5, 1.5)), 'scale'),
    ('RGBDRandomResizedCrop', dict(size=56, scale=(0.9, 0.2)), 'scale'),
    ('RGBDRandomResizedCrop', dict(size=56, scale=(0, 1)), 'scale'),
    ('RGBDRandomResizedCrop', dict(size=56, ratio=(-1, 1)), 'ratio'),
    ('RGBDRandomResizedCrop', dict(size=56, ratio=1), 'ratio'),
    ('RGBDRandomResizedCrop', dict(size=56, pad='no'), 'pad'),
    ('RandomColorJitter', dict(brightness=-0.1), 'brightness'),
    ('RandomColorJitter', dict(contrast=INF), 'contrast'),
    ('RandomColorJitter', dict(saturation='much'), 'saturation'),
    ('RandomColorJitter', dict(hue=0.6), 'hue'),
    ('RandomGrayscale', dict(prob=-1), 'prob'),
    ('RandomGrayscale', dict(prob=None), 'prob'),
    ('ThreeAugment', dict(prob=3), 'prob'),
    ('ThreeAugment', dict(threshold=300), 'threshold'),
    ('ThreeAugment', dict(sigma=(2, 1)), 'sigma'),
    ('ThreeAugment', dict(sigma=(0, 1)), 'sigma'),
    ('RandomDepth', dict(max_depth=0), 'max_depth'),
    ('RandomDepth', dict(max_depth=-15), 'max_depth'),
    ('RandomDepth', dict(min_depth=20), 'min_depth'),
    ('RandomDepth', dict(min_depth=-1), 'min_depth'),
    ('RandomDensityMask', dict(mean=1.2), 'mean'),
    ('RandomDensityMask', dict(std=-0.1), 'std'),
    ('RandomDensityMask', dict(patterns=('stripes',)), 'stripes'),
    ('RandomDensityMask', dict(patterns=()), 'pattern'),
    ('AlterDepth', dict(zeros=1.01), 'zeros'),
    ('AlterDepth', dict(scale=0), 'scale'),
    ('AlterDepth', dict(scale=-2), 'scale'),
    ('AlterDepth', dict(scale=NAN), 'scale'),
    ('SparsePoints', dict(count=0), 'count'),
    ('SparsePoints', dict(seed=-1), 'seed'),
    ('RequireDepth', dict(min_valid_pixels=-1), 'min_valid_pixels'),
    ('RequireDepth', dict(min_valid_pixels='many'), 'min_valid_pixels'),
    ('LoadRoomInstances', dict(min_pixels=0), 'min_pixels'),
    ('LoadDepth', dict(decoder='png'), 'unknown depth decoder'),
    ('LoadDepth', dict(key='deep'), 'key'),
    ('LoadDepth', dict(resize_image='no'), 'resize_image'),
    ('LoadDepth', dict(allow_missing_depth=1), 'allow_missing_depth'),
    ('LoadDepth', dict(depth_from='rgb'), 'depth_from'),
    ('LoadDepth', dict(depth_from=('(', 'x')), 'depth_from'),
    ('LoadDepth', dict(depth_from=('a', r'\1')), 'depth_from'),
    ('LoadDepth', dict(depth_from=('a', 'b', 'c')), 'depth_from'),
    ('PositionalDepthEncoding', dict(num_channels=31), 'num_channels'),
    ('PositionalDepthEncoding', dict(num_channels=0), 'num_channels'),
    ('PositionalDepthEncoding', dict(max_depth=-1), 'max_depth'),
    ('PositionalDepthEncoding', dict(temperature=0), 'temperature'),
]

VIT = dict(type='mmvd.VDViT', arch=dict(embed_dims=32, depth=4, num_heads=2), img_size=56)
HEAD = dict(type='mmvd.DepthCompletionHead', in_channels=32)
BILATERAL = dict(type='mmvd.JointBilateralHead', in_channels=32)
OMNIVORE = dict(type='mmvd.OmnivoreSwin3D', embed_dims=16, depths=(1, 1, 1, 1), num_heads=(1, 2, 4, 8))
STORED = dict(type='mmvd.StoredPredictions', folder='.')
MODEL_ROWS = [
    (dict(VIT, arch='huge'), 'arch'),
    (dict(VIT, arch=7), 'arch'),
    (dict(VIT, arch=dict(embed_dims=32, depth=4)), 'arch'),
    (dict(VIT, arch=dict(embed_dims=32, depth=4, num_heads=2, mlp=3)), 'arch'),
    (dict(VIT, arch=dict(embed_dims=-32, depth=4, num_heads=2)), 'embed_dims'),
    (dict(VIT, arch=dict(embed_dims=32, depth=3, num_heads=2)), 'depth'),
    (dict(VIT, arch=dict(embed_dims=32, depth=4, num_heads=3)), 'must divide'),
    (dict(VIT, arch=dict(embed_dims=32, depth=4, num_heads=0)), 'num_heads'),
    (dict(VIT, patch_size=0), 'patch_size'),
    (dict(VIT, patch_size=-14), 'patch_size'),
    (dict(VIT, img_size=0), 'img_size'),
    (dict(VIT, img_size=57), 'multiple of patch_size'),
    (dict(VIT, img_size='56'), 'img_size'),
    (dict(VIT, strides=(0, 4, 8, 16)), 'strides'),
    (dict(VIT, strides=(-2, 4, 8, 16)), 'strides'),
    (dict(VIT, strides=(2, 4, 8)), 'strides'),
    (dict(VIT, strides=(16, 8, 4, 2)), 'strides'),
    (dict(VIT, strides=4), 'strides'),
    (dict(VIT, fusion_layers=(1, 2, 3)), 'fusion_layers'),
    (dict(VIT, fusion_layers=(1, 1, 2, 3)), 'fusion_layers'),
    (dict(VIT, fusion_layers=(1, 2, 3, 5)), 'fusion_layers'),
    (dict(VIT, fusion_layers=(0, 1, 2, 3)), 'fusion_layers'),
    (dict(VIT, depth_encoding=None, depth_channels=0), 'depth_channels'),
    (dict(VIT, depth_encoding=None), 'depth_encoding'),
    (dict(VIT, depth_channels=32), 'depth_encoding'),
    (dict(VIT, frozen='depth'), 'frozen'),
    (dict(VIT, frozen=True), 'frozen'),
    (dict(VIT, out='depth'), 'out'),
    (dict(VIT, out_type='tokens'), 'out_type'),
    (dict(VIT, over_range='clip'), 'over_range'),
    (dict(VIT, gate='pixel'), 'gate'),
    (dict(VIT, position_rule='bilinear'), 'position_rule'),
    (dict(VIT, norm_features='no'), 'norm_features'),
    (dict(VIT, last_blocks=0), 'last_blocks'),
    (dict(VIT, last_blocks=2), 'last_blocks'),
    (dict(VIT, depth_encoding=dict(type='mmvd.PositionalDepthEncoding', num_channels=3)), 'num_channels'),
    (dict(VIT, depth_encoding=dict(type='mmvd.PositionalDepthEncoding', max_depth=0)), 'max_depth'),
    (dict(VIT, depth_encoding=dict(type='mmvd.PositionalDepthEncoding', key_rule='ours')), 'key_rule'),
    (dict(VIT, depth_encoding=dict(type='mmvd.PositionalDepthEncoding', per_sample_max='no')), 'per_sample_max'),
    (dict(OMNIVORE, embed_dims=0), 'embed_dims'),
    (dict(OMNIVORE, depths=(1, 1, 1)), 'depths'),
    (dict(OMNIVORE, num_heads=(1, 2, 3, 4)), 'num_heads'),
    (dict(OMNIVORE, window_size=(16, 7, 7)), 'window_size'),
    (dict(OMNIVORE, frozen='rgb'), 'frozen'),
    (dict(OMNIVORE, out='rgb+fused'), 'out'),
    (dict(OMNIVORE, out_type='cls_token'), 'out_type'),
    (dict(OMNIVORE, strides=(16, 8, 4, 2)), 'strides'),
    (dict(OMNIVORE, depth_encoding=dict(type='mmvd.PositionalPointEncoding')), 'depth_encoding'),
    (dict(STORED, folder='no/such'), 'folder'),
    (dict(STORED, name_from=('(', '')), 'name_from'),
    (dict(STORED, decoder='png'), 'unknown depth decoder'),
    (dict(HEAD, in_channels=(32, 32)), 'in_channels'),
    (dict(HEAD, in_channels=0), 'in_channels'),
    (dict(HEAD, channels=(1, 2, 3)), 'channels'),
    (dict(HEAD, channels=(1, 2, 3, 0)), 'channels'),
    (dict(HEAD, channels='wide'), 'channels'),
    (dict(HEAD, skip_channels=-1), 'skip_channels'),
    (dict(HEAD, max_depth=0), 'max_depth'),
    (dict(HEAD, max_depth=INF), 'max_depth'),
    (dict(HEAD, negative_slope=-1), 'negative_slope'),
    (dict(HEAD, norm_eval='no'), 'norm_eval'),
    (dict(BILATERAL, in_channels=(32, 32)), 'in_channels'),
    (dict(BILATERAL, channels=(1, 2, 3)), 'channels'),
    (dict(BILATERAL, embed_channels=0), 'embed_channels'),
    (dict(type='mmvd.BalancedSILoss', lam=2), 'lam'),
    (dict(type='mmvd.BalancedSILoss', alpha=-1), 'alpha'),
    (dict(type='mmvd.RGBDDataPreprocessor', mean=(1, 2)), 'mean'),
    (dict(type='mmvd.RGBDDataPreprocessor', std=(1, 2, 0)), 'std'),
    (dict(type='mmvd.RGBDDataPreprocessor', bgr_to_rgb='no'), 'bgr_to_rgb'),
    (dict(type='mmvd.RGBDDataPreprocessor', random_density=dict(density=1)), 'random_density'),
    (dict(type='mmvd.RGBDDataPreprocessor', random_depth=dict(range=1)), 'random_depth'),
    (dict(type='mmvd.RGBDSegDataPreprocessor', size=(0, 1)), 'size'),
    (dict(type='mmvd.RGBDSegDataPreprocessor', size_divisor=0), 'size_divisor'),
    (dict(type='mmvd.RGBDSegDataPreprocessor', max_depth=-1), 'max_depth'),
    (dict(type='mmvd.RGBDDetDataPreprocessor', size_divisor='14'), 'size_divisor'),
    (dict(type='mmvd.RGBDClsDataPreprocessor', batch_augments=dict(augments=1)), 'batch augmentations'),
]

ROOMS = dict(type='mmvd.SyntheticRooms', length=2)
DATA_ROWS = [
    (dict(ROOMS, length=0), 'length'),
    (dict(ROOMS, length=2.5), 'length'),
    (dict(ROOMS, seed=-1), 'seed'),
    (dict(ROOMS, size=(0, 5)), 'size'),
    (dict(ROOMS, size=56), 'size'),
    (dict(ROOMS, sensor='no'), 'sensor'),
    (dict(ROOMS, split='all'), 'split'),
    (dict(type='mmvd.EvenMixture', datasets=dict(a=ROOMS), samples_per_epoch=0), 'samples_per_epoch'),
    (dict(type='mmvd.EvenMixture', datasets=dict(a=ROOMS), samples_per_epoch=1, max_redraws=-1), 'max_redraws'),
    (dict(type='mmvd.EvenMixture', datasets=dict(a=ROOMS), samples_per_epoch=1, only='b'), 'only'),
    (dict(type='mmvd.KITTIRawDataset', data_root='x', split='test'), 'split'),
    (dict(type='mmvd.KITTIRawDataset', data_root='x', depth='raw'), 'depth'),
    (dict(type='mmvd.BOPPoseDataset', data_root='x', split='test', min_visib_fract='x'), 'min_visib_fract'),
]


POET = dict(type='mmvd.PoETHead', in_channels=[8], num_classes=2, loss=dict(type='mmvd.PoseLoss', models=None))
PROBES = dict(type='mmvd.LinearProbeHead', num_classes=3, in_channels=4, learning_rates=[0.1], dropouts=[0.0])
OTHER_ROWS = [  # registry, config, a word of the message
    ('MODELS', dict(PROBES, num_classes=0), 'num_classes'),
    ('MODELS', dict(PROBES, in_channels='4'), 'in_channels'),
    ('MODELS', dict(PROBES, seed=-1), 'seed'),
    ('MODELS', dict(PROBES, learning_rates=True), 'learning_rates'),
    ('MODELS', dict(PROBES, dropouts=['x']), 'dropouts'),
    ('MODELS', dict(PROBES, lr_scale=0), 'lr_scale'),
    ('MODELS', dict(type='mmvd.RGBDDataPreprocessor', random_depth=3), 'random_depth'),
    ('MODELS', dict(type='mmvd.RGBDDataPreprocessor', random_depth=dict(bin_jitter=NAN)), 'bin_jitter'),
    ('MODELS', dict(type='mmvd.RGBDDataPreprocessor', random_depth=dict(scale_jitter=-5)), 'scale_jitter'),
    ('MODELS', dict(type='mmvd.RGBDDataPreprocessor', random_density='x'), 'random_density'),
    ('MODELS', dict(type='mmvd.RGBDDataPreprocessor', random_density=dict(patterns=3)), 'patterns'),
    ('MODELS', dict(type='mmvd.RGBDSegDataPreprocessor', seg_pad_val=256), 'seg_pad_val'),
    ('MODELS', dict(type='mmvd.NormalizeDepth', std=0), 'std'),
    ('MODELS', dict(type='mmvd.NormalizeDepth', mean='x'), 'mean'),
    ('MODELS', dict(type='mmvd.NormalizeDepth', max_depth=-1), 'max_depth'),
    ('MODELS', dict(type='mmvd.DisparityEncoding', focal_px=0), 'focal_px'),
    ('MODELS', dict(type='mmvd.DisparityEncoding', baseline_m='zed'), 'baseline_m'),
    ('MODELS', dict(type='mmvd.PositionalPointEncoding', focal_jitter=2), 'focal_jitter'),
    ('MODELS', dict(type='mmvd.PositionalPointEncoding', centre_jitter=-1), 'centre_jitter'),
    ('MODELS', dict(type='mmvd.PositionalPointEncoding', depth_alone='x'), 'depth_alone'),
    ('MODELS', dict(type='mmvd.ViTStream', num_registers=-1), 'num_registers'),
    ('MODELS', dict(type='mmvd.TimmStream', model_name='resnet50'), 'no plain ViT'),
    ('DATA_SAMPLERS', dict(type='mmvd.EpochSampler', dataset=[1], shuffle='no'), 'shuffle'),
    ('DATA_SAMPLERS', dict(type='mmvd.EpochSampler', dataset=[1], round_up='no'), 'round_up'),
    ('DATA_SAMPLERS', dict(type='mmvd.EpochSampler', dataset=[1], seed=-1), 'seed'),
    ('DATA_SAMPLERS', dict(type='mmvd.EpochSampler', dataset=[1], samples_per_epoch=0), 'samples_per_epoch'),
    ('DATA_SAMPLERS', dict(type='mmvd.EpochSampler', dataset=[]), 'no samples'),
    ('HOOKS', dict(type='mmvd.DensityScheduleHook', mean=(1.5, 2)), 'mean'),
    ('HOOKS', dict(type='mmvd.DensityScheduleHook', std=(-1, 0.3)), 'std'),
    ('HOOKS', dict(type='mmvd.DensityScheduleHook', mean=(0.1, 0.2, 0.3)), 'mean'),
    ('HOOKS', dict(type='mmvd.DensityScheduleHook', begin=0.5, end=0.2), 'begin and end'),
    ('HOOKS', dict(type='mmvd.DepthPanelHook', densities=0), 'densities'),
    ('HOOKS', dict(type='mmvd.DepthPanelHook', max_validations=0), 'max_validations'),
    ('HOOKS', dict(type='mmvd.SegPanelHook', max_samples=-1), 'max_samples'),
    ('HOOKS', dict(type='mmvd.FirstLookHook', samples=0), 'samples'),
    ('HOOKS', dict(type='mmvd.InterruptHook', save_mid_epoch='no'), 'save_mid_epoch'),
    ('HOOKS', dict(type='mmvd.DepthReportHook', untrained_reference='no'), 'untrained_reference'),
    ('HOOKS', dict(type='mmvd.AtomicCheckpointHook', max_keep_ckpts='3'), 'max_keep_ckpts'),
    ('HOOKS', dict(type='mmvd.AtomicCheckpointHook', interval='x'), 'interval'),
    ('HOOKS', dict(type='mmvd.AtomicCheckpointHook', leave_out='nothing.'), 'leave_out'),
    ('METRICS', dict(type='mmvd.DepthCompletionMetric', cap_m=0), 'max_depth'),
    ('METRICS', dict(type='mmvd.DepthCompletionMetric', min_depth_m=200), 'min_depth'),
    ('METRICS', dict(type='mmvd.DepthCompletionMetric', min_depth_m=0), 'min_depth'),
    ('METRICS', dict(type='mmvd.DepthCompletionMetric', baselines=3), 'baselines'),
    ('METRICS', dict(type='mmvd.DepthCompletionMetric', reduction='batch'), 'reduction'),
    ('METRICS', dict(type='mmvd.KITTISubmissionWriter', out_dir='/dev/null/x'), 'null'),
    ('METRICS', dict(type='mmvd.LinearProbeMetric', paper_compat='no'), 'paper_compat'),
    ('METRICS', dict(type='mmvd.BOPPoseMetric', models='x', min_visib_fract=2), 'min_visib_fract'),
    ('METRICS', dict(type='mmvd.BOPPoseMetric', models='x', with_vsd='no'), 'with_vsd'),
    ('METRICS', dict(type='mmvd.BOPPoseMetric', models='x', symmetric=6), 'symmetric'),
    ('METRICS', dict(type='mmvd.BOPPoseMetric', models='x', delta_mm=-1), 'delta_mm'),
    ('HOOKS', dict(type='mmvd.PosePanelHook', count=-1), 'count'),
    ('MODELS', dict(type='mmvd.PoseLoss', models=None, rotation_weight='x'), 'rotation_weight'),
    ('MODELS', dict(POET, num_classes=0), 'num_classes'),
    ('MODELS', dict(POET, class_mode='both'), 'class_mode'),
    ('MODELS', dict(POET, reference='corner'), 'reference'),
    ('MODELS', dict(POET, translation='pixels'), 'translation'),
    ('MODELS', dict(POET, box_frequencies=32, embed_dims=128), 'embed_dims of 256'),
    ('MODELS', dict(POET, encoder_layers=-1), 'encoder_layers'),
    ('MODELS', dict(POET, embed_dims=100), 'a multiple of num_heads=8'),
    ('MODELS', dict(POET, in_channels=8), 'in_channels'),
    ('MODELS', dict(POET, dropout=1.5), 'dropout'),
    ('MODELS', dict(POET, num_points=0), 'num_points'),
    ('TRANSFORMS', dict(type='mmvd.LoadAnnotatedBoxes', box='middle'), 'box'),
    ('TRANSFORMS', dict(type='mmvd.LoadAnnotatedBoxes', jitter=2), 'jitter'),
    ('TRANSFORMS', dict(type='mmvd.LoadDetectedBoxes', file='x', max_queries=0), 'max_queries'),
    ('TRANSFORMS', dict(type='mmvd.PackPoseInputs', max_queries='x'), 'max_queries'),
    ('TRANSFORMS', dict(type='mmvd.PackRGBDInputs', meta_keys='img_path'), 'meta_keys'),
    ('TRANSFORMS', dict(type='mmvd.NormalizeDepth', std=-1), 'std'),
    ('TRANSFORMS', dict(type='mmvd.DisparityEncoding', focal_px=-1), 'focal_px'),
    ('TRANSFORMS', dict(type='mmvd.PositionalPointEncoding', num_channels=3), 'num_channels'),
]
WITHOUT_ARGUMENTS = {  # or none of their own, or tried elsewhere
    'LoadImage', 'LoadLabels', 'StrictLoadHook', 'SampleCountHook', 'SyncNormStatsHook', 'CompileHook',
    'ProbeReportHook', 'ResumableEpochLoop', 'BF16OptimWrapper', 'KeyedConcat', 'WithPartnerImage', 'DepthCompleter',
    'GuessIntrinsics', 'PoseEstimator',
}  # fmt: skip


def ids(rows):
    return [f'{index}' for index in range(len(rows))]


@pytest.mark.parametrize('kind, arguments, match', TRANSFORM_ROWS, ids=ids(TRANSFORM_ROWS))
def test_transforms(kind, arguments, match):
    with pytest.raises(ConfigError, match=match) as error:
        TRANSFORMS.build(dict(type=f'mmvd.{kind}', **arguments))
    assert '\n' not in str(error.value)


ROWS = [('MODELS', *row) for row in MODEL_ROWS] + [('DATASETS', *row) for row in DATA_ROWS] + OTHER_ROWS


@pytest.mark.parametrize('registry, config, match', ROWS, ids=ids(ROWS))
def test_others(registry, config, match):
    with pytest.raises(ConfigError, match=match) as error:
        getattr(mmvd.registry, registry).build(config)
    assert '\n' not in str(error.value)


def test_every_registered_class_has_rows():
    """A new class is tried, too."""
    tried = {f'mmvd.{row[0]}' for row in TRANSFORM_ROWS}
    tried |= {row[1]['type'] for row in ROWS}
    tried = {each.removeprefix('mmvd.') for each in tried} | {'RGBDDataset', 'BOPDataset'}
    names = ('MODELS', 'TRANSFORMS', 'DATA_SAMPLERS', 'HOOKS', 'METRICS', 'LOOPS', 'OPTIM_WRAPPERS')
    for registry in (getattr(mmvd.registry, name) for name in names):
        registry.import_from_location()
        ours = {name for name, kind in registry.module_dict.items() if kind.__module__.startswith('mmvd.')}
        missing = ours - tried - WITHOUT_ARGUMENTS
        assert not missing, missing
