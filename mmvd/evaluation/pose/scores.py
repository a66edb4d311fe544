"""Scores of estimates against the truth: BOP's average recall and PoseCNN's areas, for all objects and each."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.spatial import ConvexHull, QhullError
from tqdm import tqdm

from mmvd.datasets.bop_files import model_file, read_model_info, read_models_info
from mmvd.datasets.decoders import read_depth
from mmvd.datasets.meshes import MeshRenderer, load_mesh
from mmvd.datasets.symmetries import symmetry_transforms
from mmvd.errors import ConfigError, SampleError

from .pose_errors import add, adds, mspd, mssd, rotation_error_deg, translation_error
from .recall import area_under_curve, average_recall, match
from .submission import Estimate, is_pose
from .vsd import TAUS, vsd

_MAPS_KEPT = 2  # rendered: the truth's, for the next predictor, and the estimate's
THETAS = TAUS  # of VSD and MSSD, shares of the diameter or of the surface
PIXELS = tuple(5.0 * step for step in range(1, 11))  # of MSPD, in an image 640 pixels wide


@dataclass(frozen=True)
class Truth:
    """An object that is to be found.

    Attributes:
        scene_id: Scene.
        im_id: Frame of the scene.
        obj_id: Object.
        R: (3, 3) rotation, object to camera.
        t: (3,) translation in mm.
        visib_fract: Share of it that is visible.
        K: (3, 3) intrinsics of the image.
        shape: (height, width) of the image.
        depth: Path, decoder and scale of its depth file.
    """

    scene_id: int
    im_id: int
    obj_id: int
    R: np.ndarray
    t: np.ndarray
    visib_fract: float
    K: np.ndarray
    shape: tuple[int, int]
    depth: tuple[str, str, float]


class ObjectModel:
    """What the errors need of an object: points, hull, symmetries, diameter, renderer.

    Args:
        folder: Folder of the models.
        obj_id: Id of the object.

    Raises:
        ConfigError: If the folder has no such object.
        SampleError: If its mesh is damaged, or in other units than ``models_info.json``.
    """

    def __init__(self, folder: Path, obj_id: int):
        info = read_model_info(folder, obj_id)
        self.diameter, self.symmetries = info['diameter'], symmetry_transforms(info)
        mesh = load_mesh(model_file(folder, f'obj_{obj_id:06d}.ply'), self.diameter)
        self.points = np.asarray(mesh.vertices, np.float64)
        self.hull, self.renderer = _hull(self.points), MeshRenderer(mesh)


def _hull(points: np.ndarray) -> np.ndarray:
    """The points that can be the farthest; of a flat mesh all."""
    try:
        return points[ConvexHull(points).vertices]
    except QhullError:
        return points


class PoseScores:
    """Judges estimates.

    Args:
        models: Folder of the object models (BOP: ``models_eval``).
        symmetric: Ids of objects whose ADD(-S) is ADD-S; those with symmetries in ``models_info.json`` if None.
        delta_mm: Tolerance of visibility of VSD (ITODD: 5).
        with_vsd: Whether VSD is computed, which renders each estimate.

    Raises:
        MissingInputsError: If there are no models.
        ConfigError: If one of ``symmetric`` has none.
    """

    def __init__(
        self,
        models: str | Path,
        symmetric: Sequence[int] | None = None,
        delta_mm: float = 15.0,
        with_vsd: bool = True,
    ):
        self.folder, self.delta_mm, self.with_vsd = Path(models), delta_mm, with_vsd
        self._known = read_models_info(self.folder)
        names = ('symmetries_discrete', 'symmetries_continuous')
        listed = [key for key, info in self._known.items() if any(info.get(name) for name in names)]
        self.symmetric = tuple(listed if symmetric is None else symmetric)
        self._check_known(self.symmetric)
        self.model = lru_cache(None)(lambda obj_id: ObjectModel(self.folder, obj_id))
        self._drawn = lru_cache(_MAPS_KEPT)(self._draw)

    def __call__(self, estimates: Sequence[Estimate], truths: Sequence[Truth]) -> dict[str, dict[str, float]]:
        """Scores by object, and of all together under ``'all'``.

        Args:
            estimates: What was found; of an object in an image so many count as are to be found, the best scored. What
                is no pose is left out, as in a submission.
            truths: What is to be found; misses cost.

        Returns:
            For each of them ``AR``, ``AR_VSD``, ``AR_MSSD``, ``AR_MSPD`` (0 to 100), ``AUC_ADD``, ``AUC_ADD-S``,
            ``AUC_ADD(-S)`` (exact area up to 100 mm), ``ADD<0.1d``, ... (shares), ``median_rotation_deg`` (symmetries
            forgiven, in translation, too), ``median_translation_mm``, ``targets`` and ``missed``.

        Raises:
            ConfigError: If a truth is of an object that has no model.
        """
        return self.compare({'': estimates}, truths)['']

    def compare(
        self, predictors: Mapping[str, Sequence[Estimate]], truths: Sequence[Truth]
    ) -> dict[str, dict[str, dict[str, float]]]:
        """Scores of the estimates of several predictors, each as alone; truth is read and rendered once for all."""
        self._check_known(each.obj_id for each in truths)
        wanted: dict[tuple, list[Truth]] = defaultdict(list)
        for truth in truths:
            wanted[truth.scene_id, truth.im_id, truth.obj_id].append(truth)
        best = {name: self._best(estimates, wanted) for name, estimates in predictors.items()}
        judged = {name: defaultdict(list) for name in predictors}
        for key, group in tqdm(wanted.items(), 'poses judged', unit=' objects'):
            for name, by_object in judged.items():
                by_object[key[2]].append(self._judge(key[2], best[name][key], group))
        return {name: self._table(by_object) for name, by_object in judged.items()}

    def _check_known(self, obj_ids: Iterable[int]) -> None:
        unknown = set(obj_ids) - self._known.keys()
        if unknown:
            raise ConfigError(f'{self.folder}: has no models of the objects {", ".join(map(str, sorted(unknown)))}')

    @staticmethod
    def _best(estimates: Sequence[Estimate], wanted: Mapping[tuple, list[Truth]]) -> dict[tuple, list[Estimate]]:
        """Of each object in an image so many estimates as are to be found, the best scored first."""
        best: dict[tuple, list[Estimate]] = {key: [] for key in wanted}
        for each in sorted(filter(is_pose, estimates), key=lambda each: -each.score):
            key = (each.scene_id, each.im_id, each.obj_id)
            if key in best and len(best[key]) < len(wanted[key]):
                best[key].append(each)
        return best

    def _table(self, by_object: Mapping[int, list[dict]]) -> dict[str, dict[str, float]]:
        found = {str(obj_id): self._summary(rows) for obj_id, rows in sorted(by_object.items())}
        found['all'] = self._summary([row for rows in by_object.values() for row in rows])
        return found

    def _judge(self, obj_id: int, estimates: list[Estimate], truths: list[Truth]) -> dict:
        """Errors of one object in one image."""
        model, shape = self.model(obj_id), (len(estimates), len(truths))
        errors = {name: np.full(shape, np.inf) for name in ('MSSD', 'MSPD', 'ADD', 'ADD-S', 't')}
        errors['R'], errors['VSD'] = np.full(shape, np.inf), np.ones((*shape, len(TAUS)))
        for row, e in enumerate(estimates):
            for column, g in enumerate(truths):
                pair = (e.R, e.t, g.R, g.t)
                errors['MSSD'][row, column] = mssd(*pair, model.hull, model.symmetries) / model.diameter
                errors['MSPD'][row, column] = mspd(*pair, model.points, model.symmetries, g.K) * 640 / g.shape[1]
                errors['ADD'][row, column] = add(*pair, model.points)
                errors['ADD-S'][row, column] = adds(*pair, model.points)
                errors['R'][row, column] = rotation_error_deg(e.R, g.R, model.symmetries)
                errors['t'][row, column] = translation_error(*pair, model.symmetries)
                if self.with_vsd:
                    errors['VSD'][row, column] = self._vsd(obj_id, e, g)
        symmetric = obj_id in self.symmetric
        errors['ADD(-S)'] = errors['ADD-S'] if symmetric else errors['ADD']
        pairs = match(errors['t'], np.inf)  # for errors without thresholds: the best scored takes the nearest
        alone = {name: np.full(len(truths), np.inf) for name in ('ADD', 'ADD-S', 'ADD(-S)', 'R', 't')}
        for row, column in pairs:
            for name, values in alone.items():
                values[column] = errors[name][row, column]
        return dict(errors=errors, alone=alone, count=len(truths), diameter=model.diameter)

    def _vsd(self, obj_id: int, e: Estimate, g: Truth) -> np.ndarray:
        depth = _depth_mm(*g.depth)
        if depth.shape != tuple(g.shape):
            raise SampleError(f'{g.depth[0]}: depth is {depth.shape} where its image is {tuple(g.shape)}')

        def renderer(R: np.ndarray, t: np.ndarray, K: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
            return self._drawn(obj_id, *(np.asarray(each, np.float64).tobytes() for each in (R, t, K)), shape)

        diameter = self.model(obj_id).diameter
        return vsd(e.R, e.t, g.R, g.t, renderer, depth, g.K, self.delta_mm, diameter=diameter)

    def _draw(self, obj_id: int, R: bytes, t: bytes, K: bytes, shape: tuple[int, int]) -> np.ndarray:
        R, t, K = map(np.frombuffer, (R, t, K))
        return self.model(obj_id).renderer(R.reshape(3, 3), t, K.reshape(3, 3), shape)

    def _summary(self, rows: list[dict]) -> dict[str, float]:
        counts = [row['count'] for row in rows]

        def recall(name: str, thresholds: Sequence[float]) -> float:
            return 100 * average_recall([row['errors'][name] for row in rows], counts, thresholds)

        def each(name: str) -> np.ndarray:
            return np.concatenate([row['alone'][name] for row in rows]) if rows else np.zeros(0)

        limits = np.concatenate([np.full(row['count'], 0.1 * row['diameter']) for row in rows]) if rows else np.zeros(0)
        parts = dict(AR_MSSD=recall('MSSD', THETAS), AR_MSPD=recall('MSPD', PIXELS))
        if self.with_vsd:
            parts['AR_VSD'] = recall('VSD', THETAS)
        found = dict(AR=float(np.mean(list(parts.values()))), **parts) if self.with_vsd else parts
        for name in ('ADD', 'ADD-S', 'ADD(-S)'):
            found[f'AUC_{name}'] = area_under_curve(each(name))
            found[f'{name}<0.1d'] = float(100 * (each(name) < limits).mean()) if rows else float('nan')
        found['median_rotation_deg'] = float(np.median(each('R'))) if rows else float('nan')
        found['median_translation_mm'] = float(np.median(each('t'))) if rows else float('nan')
        return dict(found, targets=sum(counts), missed=int(np.isinf(each('t')).sum()))


@lru_cache(8)
def _depth_mm(path: str, decoder: str, scale: float) -> np.ndarray:
    return read_depth(path, decoder, scale).astype(np.float64) * 1000
