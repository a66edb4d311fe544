"""The loss of poses: metres and radians, symmetric objects forgiven."""

from pathlib import Path

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
        models: Folder with ``models_info.json``: of the poses in which an object looks alike, the one turned least from
            the estimate counts. None, which has to be said, is PoET's loss: it knows no symmetries.
        translation_weight: Of the distance.
        rotation_weight: Of the angle.
    """

    def __init__(self, models: str | None, translation_weight: float = 1.0, rotation_weight: float = 1.0):
        super().__init__()
        self.translation_weight = check_number('PoseLoss', 'translation_weight', translation_weight, 0)
        self.rotation_weight = check_number('PoseLoss', 'rotation_weight', rotation_weight, 0)
        self.models = models
        self._motions: dict[int, Tensor] = {}

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
        with torch.autocast(rotations.device.type, enabled=False):  # a degree is less than a step of bf16
            turns, places = self.nearest_equivalent(rotations.detach(), true_rotations, true_translations, obj_ids)
            distance = ops.safe_norm(translations - places).mean()
            angle = ops.rotation_angle(rotations, turns).mean()
        return dict(
            loss_translation=self.translation_weight * distance,
            loss_rotation=self.rotation_weight * angle,
        )

    def nearest_equivalent(
        self, rotations: Tensor, true_rotations: Tensor, true_translations: Tensor, obj_ids: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Of the poses in which an object looks as it truly does, the one turned least from each estimate.

        Returns:
            (N, 3, 3) rotations and (N, 3) translations in metres.
        """
        if self.models is None or not len(obj_ids):
            return true_rotations, true_translations
        motions = self._motions_of_each(obj_ids).to(true_rotations)
        candidates = true_rotations[:, None] @ motions[..., :3, :3]
        overlap = (candidates * rotations[:, None]).sum((-1, -2))  # the trace of one times the other turned back
        best = torch.arange(len(motions), device=motions.device), overlap.argmax(1)
        return candidates[best], true_translations + (true_rotations @ motions[best][:, :3, 3:])[..., 0]

    def _motions_of_each(self, obj_ids: Tensor) -> Tensor:
        """(N, S, 4, 4) symmetries, metres; of objects with fewer than others the last one repeated."""
        kinds, which = obj_ids.unique(return_inverse=True)
        motions = [self._motions_of(obj_id) for obj_id in kinds.tolist()]
        rows = torch.arange(max(map(len, motions)))
        table = torch.stack([each[rows.clamp(max=len(each) - 1)] for each in motions])
        return table.to(obj_ids.device)[which]

    def _motions_of(self, obj_id: int) -> Tensor:
        """(S, 4, 4) symmetries of an object, metres."""
        if obj_id not in self._motions:
            from mmvd.datasets.bop_files import read_model_info
            from mmvd.datasets.symmetries import symmetry_transforms

            motions = symmetry_transforms(read_model_info(Path(self.models), obj_id), _STEP)
            motions[:, :3, 3] /= 1000
            self._motions[obj_id] = torch.from_numpy(motions).float()
        return self._motions[obj_id]
