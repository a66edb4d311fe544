"""Operators of ``mmcv._ext`` in pure PyTorch, with the extension's call signatures."""

import torch
import torchvision


def ms_deform_attn_forward(
    value, spatial_shapes, level_start_index, sampling_locations, attention_weights, im2col_step=64
):
    """Deformable attention by mmcv's own reference function: see ``mmcv.ops.multi_scale_deformable_attn_pytorch``."""
    from mmcv.ops.multi_scale_deform_attn import multi_scale_deformable_attn_pytorch

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
    """Gradient of the above by autograd, written into the three buffers that the caller brings."""
    inputs = [x.detach().requires_grad_() for x in (value, sampling_locations, attention_weights)]
    with torch.enable_grad():
        output = ms_deform_attn_forward(inputs[0], spatial_shapes, level_start_index, inputs[1], inputs[2])
    grads = torch.autograd.grad(output, inputs, grad_output)
    for buffer, grad in zip((grad_value, grad_sampling_loc, grad_attn_weight), grads, strict=True):
        buffer.copy_(grad)


def nms(boxes, scores, iou_threshold, offset=0):
    """Non-maximum suppression by torchvision; ``offset`` 1 counts the last pixel into a box, as the extension does."""
    if offset:
        boxes = torch.cat((boxes[:, :2], boxes[:, 2:] + offset), dim=1)
    return torchvision.ops.nms(boxes.float(), scores.float(), iou_threshold)
