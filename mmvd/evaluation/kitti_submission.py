"""Files for the server of KITTI depth completion."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric

from mmvd.errors import SampleError
from mmvd.registry import METRICS
from mmvd.saving import check_writable, save_png_atomically

_STEPS_PER_M, _MOST = 256.0, np.iinfo(np.uint16).max


@METRICS.register_module()
class KITTISubmissionWriter(BaseMetric):
    """Writes each prediction as the benchmark wants it: ``<name of the image>.png``, uint16, metres x 256, dense.

    Depth below one step is written as one step, because 0 would mean "no prediction", which the server refuses.

    Args:
        out_dir: Folder of the files, to be zipped and uploaded.
        **kwargs: As in mmengine: prefix, collect_device.
    """

    default_prefix = 'kitti'

    def __init__(self, out_dir: str, **kwargs: Any):
        super().__init__(**kwargs)
        check_writable(Path(out_dir))
        self.out_dir = Path(out_dir)

    def process(self, data_batch: dict, data_samples: Sequence) -> None:
        """Write the files of a batch.

        Raises:
            SampleError: If a prediction is not finite, or there are several for one image.
        """
        for sample in data_samples:
            sample = sample if isinstance(sample, dict) else sample.to_dict()
            depth_m, name = sample['pred_depth'].cpu().numpy(), Path(sample['img_path']).stem
            if len(depth_m) != 1 or not np.isfinite(depth_m).all():
                raise SampleError(f'{sample["img_path"]}: one finite prediction per image is submitted')
            steps = np.rint(depth_m[0].astype(np.float64) * _STEPS_PER_M).clip(1, _MOST).astype(np.uint16)
            if name in self.results:
                raise SampleError(f'{sample["img_path"]}: a second image of this name: their files would be one')
            save_png_atomically(steps, self.out_dir / f'{name}.png')
            self.results.append(name)

    def compute_metrics(self, results: list[str]) -> dict[str, float]:
        """Number of files."""
        return dict(files=len(results))
