"""Errors a user can mend: each is one line that names the file or key at fault and the remedy."""


class MMVDError(Exception):
    """Base class of all errors of this project."""


class MissingInputsError(MMVDError):
    """Datasets or weights that a config asks for are not in place."""


class DepthFileError(MMVDError):
    """A depth file is missing, truncated or not what its decoder expects."""


class SampleError(MMVDError):
    """A sample is inconsistent, or too many samples hold too little depth."""


class WeightsError(MMVDError):
    """A weights file is missing, unsafe or fits nothing."""


class ConfigError(MMVDError):
    """A config asks for something that cannot work."""


class SavingError(MMVDError):
    """Something could not be saved; what was saved before is intact."""


class Interrupted(MMVDError):
    """The run was asked to stop and can be resumed."""
