import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.test_distributed import free_port

# The object's finalizer stands for a tensor that a thread of gloo drops too late: it runs while the interpreter is taken down.
LEAVE = '''
import atexit, os, sys, torch
from mmvd.apis.launch import leave
class Late:
    def __del__(self): print('taken down', flush=True)
late = Late()
atexit.register(print, 'exit functions ran')
if sys.argv[2] == 'group':
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=sys.argv[3], RANK='0', WORLD_SIZE='1')
    torch.distributed.init_process_group('gloo')
leave(int(sys.argv[1]))
'''


@pytest.mark.parametrize('code', [0, 2])
@pytest.mark.parametrize(('processes', 'printed'), [('alone', ['exit functions ran', 'taken down']), ('group', ['exit functions ran'])])
def test_a_process_of_a_group_leaves_before_the_interpreter_is_taken_down(code, processes, printed):
    """On a busy machine a finished rank aborted while its interpreter was finalizing and a thread of gloo still held a tensor."""
    done = subprocess.run([sys.executable, '-c', LEAVE, str(code), processes, free_port()], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()) == (code, printed), done.stderr
