"""Several datasets, drawn evenly: each epoch takes a fixed number of samples."""

from collections.abc import Sequence

import numpy as np
from torch.utils.data import Dataset

from mmvd.arguments import check_int
from mmvd.errors import ConfigError, SampleError, TooLittleDepthError
from mmvd.registry import DATASETS

from .nesting import selected, steps_in
from .probe_splits import check_classes, class_names
from .sample_key import KeyedIndex, keyed, sample_key
from .seg_datasets import RGBDSegDataset
from .transforms.labels import LoadLabels


class _Joined(Dataset):
    """Samples of several datasets, which a batch can hold together."""

    first: tuple[str, set] | None = None  # of this process

    def agreeing(self, name: str, sample: dict) -> dict:
        """The sample, if it has the same parts as those of the other datasets.

        Raises:
            ConfigError: If it has not, e.g. a ``gt_depth`` that others lack.
        """
        self.first = self.first or (name, set(sample))
        differ = self.first[1] ^ set(sample)
        if differ:
            raise ConfigError(
                f'{type(self).__name__}: one of {self.first[0]} and {name} lacks {", ".join(sorted(differ))}: a batch '
                'needs the same of all, give both the same pipeline or mix others'
            )
        return sample

    def full_init(self) -> None:
        """The datasets are read when they are built; OpenMMLab's wrappers call it."""


@DATASETS.register_module()
class EvenMixture(_Joined):
    """Draws each sample from one of its datasets with equal probability (paper section 4: nine datasets drawn evenly).

    Which dataset and which of its samples depends on (seed, epoch, position) alone with ``mmvd.EpochSampler``, and on
    the host's seeding with another sampler. A sample with too little depth, as told by ``mmvd.RequireDepth``, is
    redrawn, and number and reasons of the redraws travel with the sample as ``num_redraws`` and ``redraw_reasons``.

    Args:
        datasets: Named dataset configs.
        samples_per_epoch: Length of an epoch (paper: 20 000).
        only: Name or names of the datasets to use; all if None.
        max_redraws: Redraws of one sample after which an error names what was tried.
        pipeline: Transforms, given to every dataset that has none of its own.

    Raises:
        ConfigError: If ``only`` names a dataset that is not there.
    """

    def __init__(
        self,
        datasets: dict[str, dict],
        samples_per_epoch: int,
        only: str | Sequence[str] | None = None,
        max_redraws: int = 20,
        pipeline: Sequence[dict] = (),
    ):
        chosen = selected(datasets, only)
        self.names = list(chosen)
        self.datasets = [
            DATASETS.build(dict(config, pipeline=config.get('pipeline', pipeline))) for config in chosen.values()
        ]
        self.samples_per_epoch = check_int('EvenMixture', 'samples_per_epoch', samples_per_epoch)
        self.max_redraws = check_int('EvenMixture', 'max_redraws', max_redraws, 0)
        self.metainfo = dict(dataset_type='EvenMixture', datasets=self.names)

    def __len__(self) -> int:
        return self.samples_per_epoch

    def __getitem__(self, index: int) -> dict:
        tried, index = [], keyed(index)
        for attempt in range(self.max_redraws + 1):
            key = sample_key(index.seed, index.epoch, int(index), attempt)
            which, where = np.random.Generator(np.random.Philox(key=key)).random(2)
            number = int(which * len(self.datasets))
            dataset = self.datasets[number]
            try:
                sample = dataset.prepare_data(KeyedIndex(int(where * len(dataset)), index.seed, index.epoch, key))
            except TooLittleDepthError as error:
                tried.append(f'{self.names[number]}: {error}')
                continue
            about = dict(num_redraws=attempt, redraw_reasons=tried, dataset=self.names[number])
            sample['data_samples'].set_metainfo(about)
            return self.agreeing(self.names[number], sample)
        raise SampleError(
            f'sample {int(index)} of epoch {index.epoch} was redrawn {self.max_redraws} times without enough depth, '
            f'last {tried[-1]}: check the depth files or lower min_valid_pixels of mmvd.RequireDepth'
        )


@DATASETS.register_module()
class KeyedConcat(_Joined):
    """Several datasets one after the other.

    Args:
        datasets: Dataset configs.
        pipeline: Transforms, given to every dataset that has none of its own.

    Raises:
        ConfigError: If one label would be another class in another dataset.
    """

    def __init__(self, datasets: Sequence[dict], pipeline: Sequence[dict] = ()):
        self.datasets = [DATASETS.build(dict(config, pipeline=config.get('pipeline', pipeline))) for config in datasets]
        _check_classes(self.datasets)
        self._ends = np.cumsum([len(dataset) for dataset in self.datasets])
        self.metainfo = dict(self.datasets[0].metainfo, dataset_type='KeyedConcat')

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, index: int) -> dict:
        return self.prepare_data(index)

    def prepare_data(self, index: int) -> dict:
        """One sample after the pipeline, as the datasets of :class:`EvenMixture` give it."""
        place = range(len(self))[index]
        number = int(np.searchsorted(self._ends, place, side='right'))
        inner = place - (int(self._ends[number - 1]) if number else 0)
        if isinstance(index, KeyedIndex):
            inner = KeyedIndex(inner, index.seed, index.epoch, index.key)
        return self.agreeing(f'dataset {number}', self.datasets[number].prepare_data(inner))


def _check_classes(datasets: Sequence) -> None:
    """Datasets with labels must number their classes alike; of rooms, pixels and scenes have classes."""
    first = None
    for dataset in datasets:
        if not _reads_labels(dataset):
            continue
        numbered = {tuple(dataset.metainfo[key]) for key in ('classes', 'scenes') if dataset.metainfo.get(key)}
        first = first or (numbered and (dataset, numbered))
        if numbered and not numbered & first[1]:
            check_classes(class_names(first[0].metainfo), [dataset], 'KeyedConcat', f'its {type(first[0]).__name__}')


def _reads_labels(dataset: Dataset) -> bool:
    """Whether numbers of classes reach a sample; of label files nothing else is read in completion."""
    steps = steps_in(dataset.pipeline.transforms) if isinstance(dataset, RGBDSegDataset) else ()
    return not isinstance(dataset, RGBDSegDataset) or any(isinstance(step, LoadLabels) for step in steps)


@DATASETS.register_module()
class WithPartnerImage(Dataset):
    """Gives each sample the image of another one as well, for the probe with swapped RGB.

    The partner comes from the dataset and not from the batch, so that results depend on neither batch size nor number
    of processes.

    Args:
        dataset: Config of the dataset.
        offset: How many samples further on the other image is; more than 1 where neighbours show one scene.

    Raises:
        ConfigError: If the offset leads back to the sample itself.
    """

    def __init__(self, dataset: dict, offset: int = 1):
        self.dataset, self.offset = DATASETS.build(dataset), check_int('WithPartnerImage', 'offset', offset)
        if len(self) > 1 and offset % len(self) == 0:
            raise ConfigError(f'WithPartnerImage: offset={offset} of {len(self)} samples leads back to the same image')
        self.metainfo = dict(self.dataset.metainfo)

    def __len__(self) -> int:
        return len(self.dataset)

    def full_init(self) -> None:
        """The dataset is read when it is built; OpenMMLab's wrappers call it."""

    def __getitem__(self, index: int) -> dict:
        sample, partner = self.dataset[index], (int(index) + self.offset) % len(self)
        if isinstance(index, KeyedIndex):
            partner = KeyedIndex(partner, index.seed, index.epoch)
        return dict(sample, partner_inputs=self.dataset[partner]['inputs'])
