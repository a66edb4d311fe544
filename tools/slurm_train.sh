#!/usr/bin/env bash
# Train under slurm: tools/slurm_train.sh PARTITION JOB_NAME CONFIG [arguments of tools/train.py]; GPUS, GPUS_PER_NODE, CPUS_PER_TASK.
set -euo pipefail
PARTITION=$1 JOB_NAME=$2 CONFIG=$3
GPUS=${GPUS:-8} GPUS_PER_NODE=${GPUS_PER_NODE:-8}
exec srun -p "$PARTITION" --job-name="$JOB_NAME" --gres=gpu:"$GPUS_PER_NODE" --ntasks="$GPUS" --ntasks-per-node="$GPUS_PER_NODE" \
    --cpus-per-task="${CPUS_PER_TASK:-8}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    "${PYTHON:-python}" -u "$(dirname "$0")/train.py" "$CONFIG" --launcher slurm "${@:4}"
