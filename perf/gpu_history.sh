#!/usr/bin/env bash
# What a machine with an NVIDIA GPU tells of PyTorch, JAX and Keras, in parts of at most 3 minutes.
#
#     perf/gpu_history.sh PYTHON [KERAS_WHEELS]
#
# PYTHON is an interpreter that has torch and JAX with CUDA, and vggbench is set up in this checkout
# (or VGGBENCH and ASV name the programs). KERAS_WHEELS is a folder of wheels of Keras, 1 MB each;
# every other wheel in it is unpacked beside each Keras. Nothing is downloaded.
#
# Each part is of use by itself. One that fails or takes too long is told, and the next begins. What
# was measured stays in results/, under this machine's name: the same command goes on.
# VGGBENCH_PROFILE chooses the profile (default: gpu-quick), PART_S the seconds of a part.
set -uo pipefail

if (($# < 1 || $# > 2)); then
  sed -n '2,5p' "$0" | cut -c3- >&2
  exit 2
fi
cd "$(dirname "$0")/.."
python=$1
wheels=${2:-}
vggbench=${VGGBENCH:-.venv/bin/vggbench}
asv=${ASV:-.venv/bin/asv}
part_s=${PART_S:-180}
export VGGBENCH_PROFILE=${VGGBENCH_PROFILE:-gpu-quick}
device=${VGGBENCH_PROFILE%%-*}
failed=0

# What is running ends with this script.
child=
trap '[[ -z $child ]] || kill "$child"; exit 130' INT TERM

# part WHAT COMMAND...: run it for at most part_s seconds, and say how it ended.
part() {
  local what=$1 begun=$SECONDS status=0
  shift
  echo "== $what: $*"
  # In the background, because a shell that waits for its foreground hears no signal.
  timeout --signal=INT --kill-after=10 "$part_s" "$@" &
  child=$!
  wait "$child" || status=$?
  child=
  case $status in
    0) echo "== $what: done in $((SECONDS - begun)) s" ;;
    124 | 137) echo "== $what: ended after $part_s s; what it measured is kept" ;;
    *) echo "== $what: ended with status $status" ;;
  esac
  ((status == 0)) || failed=$((failed + 1))
}

# version_of PYTHON MODULE: the version without what follows its +, nothing where it is missing.
version_of() {
  "$1" -c "import $2; print($2.__version__.partition('+')[0])" 2>/dev/null | tail -n 1
}

# steps PYTHON RELEASE BENCH: time the configurations that match.
steps() {
  part "steps of $2" "$asv" run --record-samples -E "release:$1" --bench "$3" "$2"
}

"$asv" machine --yes >/dev/null 2>&1
torch=$(version_of "$python" torch)
jax=$(version_of "$python" jax)
for pair in "torch:$torch" "jax:$jax"; do
  track=${pair%%:*} version=${pair##*:}
  if [[ -z $version ]]; then
    echo "== $track is not in $python: left out"
    continue
  fi
  release=$track-$version
  part "verify $release" "$vggbench" verify "$release" --device "$device" --python "$python"
  # Each param by itself, the plain step first.
  if [[ $track == torch ]]; then
    steps "$python" "$release" "PyTorch\..*'NCHW', 'none', 'off'"
    steps "$python" "$release" "PyTorch\..*'NHWC', 'none', 'off'"
    steps "$python" "$release" "PyTorch\..*'NCHW', '(unfused|fused)', 'off'"
    steps "$python" "$release" "PyTorch\..*'N...', 'none', 'on'"
    steps "$python" "$release" "PyTorch\..*'NCHW', '(unfused|fused)', 'on'"
  else
    steps "$python" "$release" "JAX\..*'none'"
    steps "$python" "$release" "JAX\..*'unfused'"
  fi
done

if [[ -n $wheels ]]; then
  made=$(mktemp -d)
  trap 'rm -rf "$made"' EXIT
  parent=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  releases=()
  while IFS= read -r wheel; do
    version=$(basename "$wheel" | cut -d- -f2)
    # An environment that has this Keras and finds all else where PYTHON does.
    own=$made/keras-$version
    "$python" -m venv --without-pip "$own" || continue
    site=$("$own/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    echo "$parent" >"$site/parent.pth"
    for other in "$wheels"/*.whl; do
      case $(basename "$other") in
        keras-*) [[ $other == "$wheel" ]] || continue ;;
      esac
      "$python" -m zipfile -e "$other" "$site"
    done
    releases+=("keras-$version")
  done < <(find "$wheels" -maxdepth 1 -name 'keras-*.whl' | sort -V)
  # The plain step of every release first: it is the history.
  for release in "${releases[@]}"; do
    steps "$made/$release/bin/python" "$release" "Keras\..*'(jax', 'NHWC', 'none', 'on'|torch', 'NHWC', 'none', 'off')"
  done
  for ((i = 1; i < ${#releases[@]}; i++)); do
    before=${releases[i - 1]} after=${releases[i]}
    for configuration in "jax NHWC none on" "torch NHWC none off"; do
      part "duet of $before and $after, $configuration" "$vggbench" duet \
        "$before $configuration" "$after $configuration" --budget "$((part_s - 20))s" \
        --python "$before=$made/$before/bin/python" --python "$after=$made/$after/bin/python"
    done
  done
  for release in "${releases[0]}" "${releases[-1]}"; do
    part "verify $release" "$vggbench" verify "$release" --device "$device" \
      --python "$made/$release/bin/python"
  done
fi

echo "== $failed parts did not end well; the records are in results/"
((failed == 0))
