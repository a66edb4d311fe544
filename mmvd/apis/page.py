"""The demo in a browser: an image with depth, or a built-in room; share, pattern and scale of what is kept.

Needs the extra ``[demo]``: Gradio, and Plotly for the points.
"""

import numpy as np
import torch

from mmvd import ops
from mmvd.arguments import check_int
from mmvd.datasets.sample_key import sample_key
from mmvd.errors import ConfigError, MMVDError, SampleError, needs
from mmvd.visualization import completion_panel, guess_intrinsics, to_points

from .demo import demo_room
from .inputs import InputReader
from .model import VDModel

PATTERNS = ('pixel', 'perlin', 'coarse')
_MOST_POINTS, _LONGEST_SIDE, _LAST_PORT = 20000, 256, 65535


def answer(
    model: VDModel,
    image: np.ndarray | str | None,
    depth_file: str | None,
    room: int,
    kept: float,
    pattern: str,
    scale: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Thin, scale and complete.

    Args:
        model: The model.
        image: (H, W, 3) uint8, RGB order, or an image file; None takes a built-in room.
        depth_file: Depth of the image, see :class:`InputReader`; None where there is none.
        room: Number of the built-in room.
        kept: Percentage of the depth that stays.
        pattern: How the rest vanishes, see :func:`mmvd.ops.density_mask`.
        scale: Factor on the metres.

    Returns:
        The panel (h, w, 3) uint8, the image (H, W, 3) uint8 and the completed depth (H, W) in metres.

    Raises:
        MMVDError: What is wrong with an input.
    """
    if any(each is None for each in (room, kept, pattern, scale)):
        raise SampleError('a slider or a field is empty: set it')
    if image is None and depth_file:
        raise SampleError('a depth file without its image: give both')
    if image is None:
        rgb, depth_m = demo_room(check_int('the demo', 'room', room, 0))
    else:
        (source,) = InputReader().sources((image, depth_file or None))
        frame = source.read()
        rgb, depth_m = frame.rgb, frame.depth_m
    depth_m = torch.from_numpy(depth_m)[None] * scale
    key = torch.tensor([sample_key(0, 0, room)])
    removed = ops.density_mask(tuple(depth_m.shape), 1 - kept / 100, pattern, key, depth_m > 0)
    thinned = depth_m.masked_fill(removed, 0)[0].numpy()
    size = min(_LONGEST_SIDE * min(rgb.shape[:2]) // max(rgb.shape[:2]), min(rgb.shape[:2]))
    completed = model.complete(rgb, thinned, size=max(size, model.completer.backbone.patch_size), depth_unit='m')
    truth = depth_m[0].numpy() if depth_m.any() else None
    return completion_panel(rgb, thinned[None], completed[None], truth), rgb, completed


def points_figure(rgb: np.ndarray, depth_m: np.ndarray):
    """A depth map as a Plotly figure of coloured points that can be turned; a camera of 60 degrees is guessed."""
    import plotly.graph_objects as go

    points, places = to_points(depth_m, guess_intrinsics(*depth_m.shape))
    chosen = slice(None, None, -(-len(points) // _MOST_POINTS) or 1)
    points, colours = points[chosen], rgb.reshape(-1, 3)[places[chosen]]
    marker = dict(size=2, color=[f'rgb({r},{g},{b})' for r, g, b in colours])
    cloud = go.Scatter3d(x=points[:, 0], y=points[:, 2], z=-points[:, 1], mode='markers', marker=marker)
    axes = dict(xaxis_title='x [m]', yaxis_title='depth [m]', zaxis_title='height [m]', aspectmode='data')
    camera = dict(eye=dict(x=0.2, y=-1.6, z=0.4))
    return go.Figure(cloud).update_layout(scene=dict(axes, camera=camera), margin=dict(l=0, r=0, t=0, b=0), height=480)


def build_page(model: VDModel):
    """The page as Gradio blocks; it answers when it is opened and whenever something is changed.

    Raises:
        ConfigError: If the extra [demo] is not installed.
    """
    with needs('the page', 'demo'):
        import gradio as gr
        import plotly  # noqa: F401

    def respond(*values):
        try:
            panel, rgb, completed = answer(model, *values)
        except MMVDError as error:
            raise gr.Error(str(error)) from error
        return panel, points_figure(rgb, completed)

    with gr.Blocks(title='mmvd: Vanishing Depth') as page:
        gr.Markdown('# Vanishing Depth\nWithout an image a built-in room is shown. PNG depth is in millimetres.')
        with gr.Row():
            with gr.Column(scale=1):
                image = gr.Image(type='filepath', image_mode=None, label='image', height=220)  # as it is, EXIF too
                depth = gr.File(label='depth (PNG in mm, NPY, PFM or EXR in m)', type='filepath', height=120)
                room = gr.Slider(0, 99, 0, step=1, label='built-in room')
                kept = gr.Slider(1, 100, 20, step=1, label='depth kept [%]')
                pattern = gr.Dropdown(list(PATTERNS), value='pixel', label='pattern')
                scale = gr.Slider(0.1, 5, 1, step=0.1, label='scale of the metres')
            with gr.Column(scale=3):
                panel = gr.Image(label='completion', show_label=False, format='png')
                cloud = gr.Plot(label='points')
        values, shown = [image, depth, room, kept, pattern, scale], [panel, cloud]
        page.load(respond, values, shown)
        for each in values:
            each.change(respond, values, shown)
    return page


def serve(model: VDModel, port: int) -> None:
    """Open the page on this machine, until the process is stopped."""
    if check_int('demo', '--port', port) > _LAST_PORT:
        raise ConfigError(f'--port {port}: ports end at {_LAST_PORT}')
    page = build_page(model)
    try:
        page.launch(server_name='127.0.0.1', server_port=port, quiet=False)
    except OSError as error:
        raise ConfigError(f'--port {port}: not free ({error}), choose another') from error
