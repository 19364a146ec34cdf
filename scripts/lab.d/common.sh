# shellcheck shell=bash disable=SC2034,SC2153 # sourced by scripts/lab; pieces share its variables
# What every piece of the lab shares: where things are, and how it speaks to the person.
# Sourced by scripts/lab, which sets PROJECT.

LAB_DIR=$PROJECT/.lab
CACHE=$LAB_DIR/cache
PIECES=$PROJECT/scripts/lab.d

# Settings: flags of `scripts/lab up` beat the environment, which beats these.
NAME=${LAB_NAME:-default}
SUITE=${LAB_SUITE:-bookworm}
NODES=${LAB_NODES:-1}
MANAGERS=${LAB_MANAGERS:-1}
MEMORY=${LAB_MEMORY:-}
CPUS=${LAB_CPUS:-}
ACCEL=${LAB_ACCEL:-auto}
DOCKER=${LAB_DOCKER:-swarm} # swarm, docker (daemons not joined), none

readonly SUITES="bookworm trixie forky"
readonly EXIT_USAGE=64

STATE= # .lab/run/NAME, set once NAME is final

use_name() {
  case $1 in
    '' | *[!a-z0-9-]*) die_usage "a lab name is made of a-z, 0-9 and -, got '$1'" ;;
  esac
  NAME=$1
  STATE=$LAB_DIR/run/$NAME
}

# Progress goes to stderr: stdout belongs to the command that is run.
say() { printf '[%4ds] %s\n' "$SECONDS" "$*" >&2; }

die() {
  printf 'scripts/lab: %s\n' "$*" >&2
  exit 1
}

die_usage() {
  printf 'scripts/lab: %s\n' "$*" >&2
  printf "Try 'scripts/lab help'.\n" >&2
  exit "$EXIT_USAGE"
}

# Runs a command that needs root on the host, by sudo where we are not root.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "this step needs root: run it as root, or install sudo ($*)"
  fi
}

# For what a step works on: removes it when the step ends, however it ends; what was moved away by then stays.
# shellcheck disable=SC2064 # the path of now is meant
remove_at_end() { trap "rm -rf '$1'" EXIT; }

# The first 12 digits of a hash over the words and files given on stdin.
short_hash() { sha256sum | cut -c1-12; }

# Runs a long step with its output in a log file; says how it went and how long it took, and ends
# the script where it failed.
#   step "what is done" LOGFILE COMMAND...
# Never call it in a condition (`if step`, `step || ...`): bash then ignores `set -e` inside of it,
# and a step that has failed in the middle would pass for done.
step() {
  local what=$1 log=$2 started=$SECONDS status
  shift 2
  say "$what ..."
  set +e
  (
    set -e
    "$@"
  ) >>"$log" 2>&1
  status=$?
  set -e
  if [ "$status" != 0 ]; then
    say "$what: FAILED after $((SECONDS - started)) s; the end of ${log#"$PROJECT"/}:"
    tail -n 25 "$log" >&2
    exit 1
  fi
  say "$what: done in $((SECONDS - started)) s"
}
