"""The loss of poses: metres and radians, symmetric objects forgiven."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mmvd import ops
from mmvd.arguments import check_number
from mmvd.registry import MODELS

_STEP = 0.05  # of continuous symmetries: 63 turns, a sixtieth of a circle apart


@MODELS.register_module()
class PoseLoss(nn.Module):
    """Distance of the translations in metres and angle of the rotations in radians (PoET: weights 1 and 1).

    Args:
        translation_weight: Of the distance.
        rotation_weight: Of the angle.
        models: Folder with ``models_info.json``: the angle is the smallest over the symmetries of an object; None is
            PoET's loss, which knows none.
    """

    def __init__(self, translation_weight: float = 1.0, rotation_weight: float = 1.0, models: str | None = None):
        super().__init__()
        self.translation_weight = check_number('PoseLoss', 'translation_weight', translation_weight, 0)
        self.rotation_weight = check_number('PoseLoss', 'rotation_weight', rotation_weight, 0)
        self.models = models
        self._turns: dict[int, Tensor] = {}

    def forward(
        self,
        rotations: Tensor,
        translations: Tensor,
        true_rotations: Tensor,
        true_translations: Tensor,
        obj_ids: Tensor,
    ) -> dict[str, Tensor]:
        """Mean over objects.

        Args:
            rotations: (N, 3, 3) float32.
            translations: (N, 3) float32 metres.
            true_rotations: (N, 3, 3).
            true_translations: (N, 3) metres.
            obj_ids: (N,) int64 ids of the object models.

        Returns:
            ``loss_translation`` and ``loss_rotation``; 0, with a gradient of 0, without objects.

        Raises:
            MissingInputsError: If there is no ``models_info.json``.
        """
        if not len(rotations):
            nothing = (rotations.sum() + translations.sum()) * 0
            return dict(loss_translation=nothing, loss_rotation=nothing)
        distance = ops.safe_norm(translations - true_translations).mean()
        nearest = self.nearest_equivalent(rotations.detach(), true_rotations, obj_ids)
        angle = ops.rotation_angle(rotations, nearest).mean()
        return dict(
            loss_translation=self.translation_weight * distance,
            loss_rotation=self.rotation_weight * angle,
        )

    def nearest_equivalent(self, rotations: Tensor, true_rotations: Tensor, obj_ids: Tensor) -> Tensor:
        """(N, 3, 3) of the rotations in which an object looks as it truly does, the one nearest to each estimate."""
        if self.models is None:
            return true_rotations
        nearest = true_rotations.clone()
        for obj_id in obj_ids.unique().tolist():
            mine = (obj_ids == obj_id).nonzero().flatten()
            turns = self._turns_of(obj_id).to(true_rotations)
            if len(turns) == 1:
                continue
            candidates = true_rotations[mine, None] @ turns
            overlap = (candidates * rotations[mine, None]).sum((-1, -2))  # the trace of one times the other turned back
            nearest[mine] = candidates[torch.arange(len(mine), device=mine.device), overlap.argmax(1)]
        return nearest

    def _turns_of(self, obj_id: int) -> Tensor:
        if not self._turns:
            from mmvd.datasets.bop_files import read_models_info
            from mmvd.datasets.symmetries import symmetry_transforms

            for known, info in read_models_info(Path(self.models)).items():
                turns = symmetry_transforms(info, _STEP)[:, :3, :3]
                self._turns[known] = torch.from_numpy(np.ascontiguousarray(turns)).float()
        return self._turns[obj_id]
