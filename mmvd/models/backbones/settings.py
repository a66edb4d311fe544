"""What the arguments of :class:`mmvd.VDViT` may be, each refused in a line that names it."""

from collections.abc import Sequence
from itertools import pairwise

from mmvd.arguments import check_choice, check_flag, check_int, check_row
from mmvd.errors import ConfigError

OUTS = ('rgb', 'fused', 'rgb+fused', 'pre_fusion')
OUT_TYPES = ('featmap', 'cls_token', 'avg_featmap')
ARCHITECTURES = {  # DINOv2's sizes
    'small': dict(embed_dims=384, depth=12, num_heads=6),
    'base': dict(embed_dims=768, depth=12, num_heads=12),
    'large': dict(embed_dims=1024, depth=24, num_heads=16),
}
_OWNER, _FUSIONS = 'VDViT', 4


def check_arch(arch: str | dict, patch_size: int, img_size: int) -> dict:
    """Width, depth and heads of an architecture by name, or as they are given.

    Raises:
        ConfigError: If they contradict each other, or the position embedding is made for no whole number of patches.
    """
    check_int(_OWNER, 'patch_size', patch_size)
    check_int(_OWNER, 'img_size', img_size, patch_size)
    if img_size % patch_size:
        raise ConfigError(f'{_OWNER}: img_size must be a multiple of patch_size={patch_size}, got {img_size}')
    if not isinstance(arch, dict):
        return ARCHITECTURES[check_choice(_OWNER, 'arch', arch, tuple(ARCHITECTURES))]
    if set(arch) != {'embed_dims', 'depth', 'num_heads'}:
        raise ConfigError(f'{_OWNER}: arch must have embed_dims, depth and num_heads, got {", ".join(arch) or "none"}')
    for name, value in arch.items():
        check_int(_OWNER, f'arch.{name}', value, _FUSIONS if name == 'depth' else 1)
    if arch['embed_dims'] % arch['num_heads']:
        raise ConfigError(
            f'{_OWNER}: arch.num_heads={arch["num_heads"]} must divide arch.embed_dims={arch["embed_dims"]}'
        )
    return dict(arch)


def stream_configs(short: dict, rgb: dict | None, depth: dict | None) -> tuple[dict, dict]:
    """Configs of the two streams, from the short form or as they are given.

    Raises:
        ConfigError: If both forms are given.
    """
    given = {name: value for name, value in short.items() if value is not None}
    if rgb is None:
        rgb = dict(type='mmvd.ViTStream', **given)
    elif given:
        raise ConfigError(f'{_OWNER}: {", ".join(given)} belong to the short form, give them in rgb=dict(...)')
    return rgb, depth or rgb


def check_input(depth_encoding, depth_channels: int | None, frozen: str, over_range: str, out: str) -> None:
    """How depth comes in.

    Raises:
        ConfigError: If an argument is unknown, or both or none of the two ways are named.
    """
    check_choice(_OWNER, 'frozen', frozen, ('rgb', 'all', 'none'))
    check_choice(_OWNER, 'over_range', over_range, ('rescale', 'drop'))
    if depth_channels is not None:
        check_int(_OWNER, 'depth_channels', depth_channels)
    if (depth_encoding is None) == (depth_channels is None) and out != 'rgb':
        raise ConfigError(
            f'{_OWNER}: give either depth_encoding, or depth_encoding=None and depth_channels for encoded input'
        )


def check_output(
    out: str, out_type: str, strides: Sequence[int], norm_features: bool, last_blocks: int, depth: int
) -> None:
    """What comes out.

    Raises:
        ConfigError: If an argument is unknown or outside its domain.
    """
    check_choice(_OWNER, 'out', out, OUTS)
    check_choice(_OWNER, 'out_type', out_type, OUT_TYPES)
    check_flag(_OWNER, 'norm_features', norm_features)
    if sorted(check_row(_OWNER, 'strides', strides, _FUSIONS, check_int)) != list(strides):
        raise ConfigError(f'{_OWNER}: strides must be four numbers, finest first, got {tuple(strides)}')
    check_int(_OWNER, 'last_blocks', last_blocks)
    if last_blocks > depth or (last_blocks > 1 and out_type != 'cls_token'):
        raise ConfigError(f"{_OWNER}: last_blocks must lie between 1 and {depth}, and goes with out_type='cls_token'")


def check_layers(fusion_layers: Sequence[int] | None, depth: int) -> tuple[int, ...]:
    """Four layers, counted from 1; by default 1/4, 1/2, 3/4 and all of the depth.

    Raises:
        ConfigError: If they are not four ascending layers of the stream.
    """
    if fusion_layers is None:
        return tuple(depth * k // _FUSIONS for k in range(1, _FUSIONS + 1))
    layers = check_row(_OWNER, 'fusion_layers', fusion_layers, _FUSIONS, check_int)
    if not all(low < high for low, high in pairwise((0, *layers, depth + 1))):
        raise ConfigError(
            f'{_OWNER}: fusion_layers must be four ascending layers between 1 and {depth}, got {tuple(layers)}'
        )
    return layers


def check_streams(streams: Sequence, out_type: str, encoding) -> None:
    """What two streams must have in common, and what is asked of a class token.

    Raises:
        ConfigError: If they differ in width, depth or patch, or have no class token where one is needed.
    """
    shapes = [(stream.embed_dims, len(stream.blocks), stream.patch_size) for stream in streams]
    if len(set(shapes)) > 1:
        raise ConfigError(
            f'{_OWNER}: rgb has width, depth and patch {shapes[0]}, depth {shapes[1]}: fusion needs the same of both'
        )
    if out_type == 'cls_token' and not all(stream.has_cls_token for stream in streams):
        raise ConfigError(f"{_OWNER}: out_type='cls_token', but this ViT has no class token: take 'avg_featmap'")
    if encoding is not None and encoding.writes_key and not streams[-1].has_cls_token:
        raise ConfigError(
            f'{_OWNER}: depth_encoding.per_sample_max writes its maximum into a class token, and this ViT has none: '
            'take per_sample_max=False'
        )


def check_image(inputs) -> None:
    """Three channels of colour at least.

    Raises:
        ConfigError: If there are fewer.
    """
    if inputs.shape[1] < 3:
        raise ConfigError(f'inputs must be (B, 3 + k, H, W), RGB then depth channels, got {tuple(inputs.shape)}')
