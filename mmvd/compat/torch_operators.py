"""Operators of ``mmcv._ext`` in pure PyTorch, with the extension's call signatures."""

import torch
import torchvision

from .deformable_attention import levels, multi_scale_deformable_attn_pytorch, sample


def ms_deform_attn_forward(
    value, spatial_shapes, level_start_index, sampling_locations, attention_weights, im2col_step=64
):
    """Deformable attention, see :mod:`mmvd.compat.deformable_attention`; the caller keeps no graph of it."""
    return multi_scale_deformable_attn_pytorch(value, spatial_shapes, sampling_locations, attention_weights)


def ms_deform_attn_backward(
    value,
    spatial_shapes,
    level_start_index,
    sampling_locations,
    attention_weights,
    grad_output,
    grad_value,
    grad_sampling_loc,
    grad_attn_weight,
    im2col_step=64,
):
    """Gradient of the above by autograd, level by level, written into the three buffers that the caller brings."""
    grad_output = grad_output.transpose(1, 2).unflatten(1, (value.shape[2], -1)).flatten(0, 1)
    tensors = (value, spatial_shapes, sampling_locations, attention_weights)
    for level, (pixels, *inputs) in enumerate(levels(*tensors)):
        inputs = [x.detach().requires_grad_() for x in inputs]
        with torch.enable_grad():
            output = sample(*inputs)
        of_maps, of_points, of_weights = torch.autograd.grad(output, inputs, grad_output)
        grad_value[:, pixels] = of_maps.flatten(3).permute(0, 3, 1, 2)
        grad_sampling_loc[:, :, :, level] = of_points
        grad_attn_weight[:, :, :, level] = of_weights


def nms(boxes, scores, iou_threshold, offset=0):
    """Non-maximum suppression by torchvision; ``offset`` 1 counts the last pixel into a box, as the extension does."""
    if offset:
        boxes = torch.cat((boxes[:, :2], boxes[:, 2:] + offset), dim=1)
    return torchvision.ops.nms(boxes.float(), scores.float(), iou_threshold)
