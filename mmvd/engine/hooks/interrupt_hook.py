"""A polite end: Ctrl-C and SIGTERM leave a state that can be resumed."""

import signal
import threading
from collections.abc import Sequence
from pathlib import Path

import torch
from mmengine.dist import all_reduce, barrier, get_world_size
from mmengine.hooks import Hook

from mmvd.arguments import check_flag
from mmvd.errors import Interrupted
from mmvd.registry import HOOKS
from mmvd.saving import BACKEND

INTERRUPTED = 'interrupted.pth'


@HOOKS.register_module()
class InterruptHook(Hook):
    """Ends the training after the running step (or validation step) when the process is asked to stop.

    Without further ado the running epoch is lost, the last checkpoint is there. With ``save_mid_epoch`` the state is
    saved as ``interrupted.pth``, from which ``--resume`` goes on within the epoch (``mmvd.ResumableEpochLoop``). A
    second signal ends at once.

    Args:
        save_mid_epoch: Whether to save on the way out.

    Raises:
        Interrupted: At the end of the step.
    """

    priority = 'LOWEST'

    def __init__(self, save_mid_epoch: bool = False):
        self.save_mid_epoch = check_flag('InterruptHook', 'save_mid_epoch', save_mid_epoch)
        self._signal, self._previous = None, {}

    def before_train(self, runner) -> None:
        """Note what a resumed run goes on from, and take over the two signals; only the main thread may."""
        # of a run that goes on in another folder, what it went on from is not where the state says
        if runner.iter and runner._load_from:
            runner.message_hub.update_info('last_ckpt', runner._load_from)
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}

    def after_train(self, runner) -> None:
        """Give them back."""
        self._give_back()

    def _note(self, number: int, frame) -> None:
        if self._signal is not None:
            raise KeyboardInterrupt
        self._signal = number

    def _give_back(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}

    def _asked_to_stop(self) -> bool:
        """Whether any rank was: all must leave at the same step."""
        if get_world_size() == 1:
            return self._signal is not None
        flag = torch.tensor([float(self._signal is not None)])
        all_reduce(flag)
        return bool(flag > 0)

    def after_train_iter(
        self, runner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        """Leave if asked to; with gradients in accumulation, which no checkpoint holds, only after their step."""
        if not self._asked_to_stop() or (self.save_mid_epoch and not runner.optim_wrapper.should_update()):
            return
        if self.save_mid_epoch:
            runner.save_checkpoint(runner.work_dir, INTERRUPTED, by_epoch=False, backend_args=dict(backend=BACKEND))
            runner.message_hub.update_info('last_ckpt', str(Path(runner.work_dir) / INTERRUPTED))
            barrier()  # the first process to leave brings the others down, and only the main one saves
        self._leave(runner, f'epoch {runner.epoch + 1} after iteration {runner.iter + 1}')

    def after_val_iter(
        self, runner, batch_idx: int, data_batch: dict | None = None, outputs: Sequence | None = None
    ) -> None:
        """Leave a validation within a training; the resumed run repeats it."""
        if self._previous and self._asked_to_stop():
            self._leave(runner, f'the validation after epoch {runner.epoch}')

    def _leave(self, runner, place: str) -> None:
        self._give_back()
        last = runner.message_hub.get_info('last_ckpt') or 'nothing saved yet'
        is_sharded = 'FSDP' in (runner.cfg.get('strategy') or {}).get('type', '')  # those cannot be resumed yet
        advice = f'start from it with --cfg-options load_from={last}' if is_sharded else 'go on with --resume'
        raise Interrupted(f'stopped by a signal in {place}; last state: {last}: {advice}')
