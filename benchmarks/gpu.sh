#!/usr/bin/env bash
# Benchmark on a GPU, in at most 8 minutes: benchmarks/gpu.sh OUT [WHEELS] [--toy]
#
#   OUT/training.txt .json  minutes of training at the papers' size, and scores against zero-filling
#   OUT/steps.txt           steps per second of each network, by variant
#   OUT/whole_brain.txt     FTDDM with 100 steps on a whole brain
#   OUT/tests.txt           tests marked gpu
#
# WHEELS: folder of wheels of packages that this Python lacks (nibabel, nilearn, pydantic and what they need), installed
# without a network into a folder that is removed afterwards. PYTHON: the Python to run. Each part writes as it goes and has
# a limit of its own; --toy rehearses all of it with small networks on a CPU.
set -uo pipefail
out=$(realpath -m "${1:?usage: benchmarks/gpu.sh OUT [WHEELS] [--toy]}")
wheels= toy=
for argument in "${@:2}"; do
    if [ "$argument" = --toy ]; then toy=yes; else wheels=$(realpath "$argument"); fi
done
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'kill $(jobs -p) 2> /dev/null; rm -rf "$work"' EXIT
mkdir -p "$out"
if [ -n "$wheels" ]; then
    "$python" -m pip install -q --no-index --no-deps --target "$work/site" "$wheels"/*.whl || exit
fi
export PYTHONPATH=src:tests/support:$work/site PYTHONUNBUFFERED=1 TORCHINDUCTOR_CACHE_DIR=$work/compiled
patience=1 device="--device cuda" train="--seconds 180" steps="--seconds 2" brain= tests="-m gpu"
if [ -n "$toy" ]; then
    patience=5 # a processor may be busy with other things
    device="--device cpu --toy" train="--seconds 4" steps="--seconds 0.1 --only eager --channels first --limit 150" brain="--maps 1" tests="-m gpu --collect-only"
fi

part() { # a name, a limit in seconds, and what to run
    local name=$1 limit=$(($2 * patience)) started=$SECONDS
    shift 2
    timeout -k 5 "$limit" "$@" > "$out/$name" 2>&1
    echo "$name: exit code $?, $((SECONDS - started)) s"
}

OMP_NUM_THREADS=1 "$python" benchmarks/cohort25.py "$work/cohort" ${toy:+--toy} 2> /dev/null
echo "cohort: $SECONDS s"
# Compiling needs processors, and the card little: it runs beside the training, and the steps find its results.
if [ -z "$toy" ]; then
    for channels in first last; do
        timeout -k 1 190 "$python" benchmarks/gpu_steps.py --cohort "$work/cohort" $device --networks denoiser --seconds 0.1 \
            --only compiled --channels $channels --limit 180 > "$work/compiling-$channels.txt" 2>&1 &
    done
fi
part training.txt 240 "$python" benchmarks/gpu_training.py --cohort "$work/cohort" --out "$out/training.json" $device $train
kill $(jobs -p) 2> /dev/null
part steps.txt 100 "$python" benchmarks/gpu_steps.py --cohort "$work/cohort" $device $steps
part whole_brain.txt 30 "$python" benchmarks/whole_brain.py $device $brain
part tests.txt 60 "$python" -m pytest $tests tests/gpu -p no:cacheprovider
tail -n 3 "$work"/compiling-*.txt 2> /dev/null
tail -n 25 "$out"/*.txt
