"""What a result was measured with: results of different protocols do not stand in one table."""

from collections.abc import Mapping

from mmvd.errors import ConfigError

_MISSING = 'nothing'


def differences(first: Mapping, second: Mapping) -> list[str]:
    """What differs between two protocols, one text for each key."""
    return [
        f'{key} {first.get(key, _MISSING)!r} against {second.get(key, _MISSING)!r}'
        for key in sorted({*first, *second})
        if first.get(key, _MISSING) != second.get(key, _MISSING)
    ]


def check_comparable(protocols: Mapping[str, Mapping]) -> None:
    """Refuse results that were measured differently.

    Args:
        protocols: ``result['protocol']`` of :class:`mmvd.DepthCompletionMetric`, by the name of the method.

    Raises:
        ConfigError: If two differ; names the difference.
    """
    names = list(protocols)
    for name in names[1:]:
        found = differences(protocols[names[0]], protocols[name])
        if found:
            raise ConfigError(
                f'{names[0]} and {name} cannot stand in one table, their protocols differ: {"; ".join(found)}'
            )
