# shellcheck shell=bash disable=SC2034,SC2153 # sourced by scripts/lab; pieces share its variables
# The way into the guest: ssh to a port on 127.0.0.1, with a key of this lab only.
# One connection stays open (ControlMaster), so that a command costs a fraction of a handshake.

make_keys() {
  local key
  for key in login host; do
    [ -e "$STATE/$key.key" ] || ssh-keygen -q -t ed25519 -N '' -C "lab-$NAME" -f "$STATE/$key.key"
  done
}

# The socket's path is relative to the state folder: a deep checkout would pass the kernel's 108 bytes.
write_ssh_config() {
  printf 'lab %s\n' "$(cut -d' ' -f1,2 "$STATE/host.key.pub")" >"$STATE/known_hosts"
  cat >"$STATE/ssh.config" <<CONFIG
Host vm
  HostName 127.0.0.1
  Port $(<"$STATE/port")
  User root
  IdentityFile "$STATE/login.key"
  IdentitiesOnly yes
  IdentityAgent none
  HostKeyAlias lab
  UserKnownHostsFile "$STATE/known_hosts"
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  PreferredAuthentications publickey
  ControlPath ssh.socket
  ControlMaster no
  LogLevel ERROR
  ConnectTimeout 10
  ServerAliveInterval 30
  ServerAliveCountMax 10
CONFIG
}

# Waits until the guest's sshd answers and leaves a connection open.
connect() {
  local deadline=$((SECONDS + $1))
  until open_connection; do
    vm_runs || { tail -n 20 "$STATE/console.log" >&2 && die "the VM has stopped; its console: $STATE/console.log"; }
    [ "$SECONDS" -lt "$deadline" ] || die "the VM does not answer; its console: $STATE/console.log"
    sleep 0.3
  done
}

open_connection() {
  # Its output must not be ours: it outlives us, and whoever reads our output would wait for it.
  (cd "$STATE" && ssh -F ssh.config -o ControlMaster=yes -fN vm </dev/null >>ssh.log 2>&1)
}

close_connection() {
  [ -S "$STATE/ssh.socket" ] || return 0
  (cd "$STATE" && ssh -F ssh.config -O exit vm </dev/null >/dev/null 2>&1) || rm -f "$STATE/ssh.socket"
}

# quoted ARGS...: as words for a POSIX shell; every byte of an argument survives.
quoted() {
  local word
  for word in "$@"; do printf " '%s'" "${word//\'/\'\\\'\'}"; done
}

# in_vm [-t] COMMAND-LINE: for the guest's shell; stdin, stdout, stderr and exit code are its own.
in_vm() {
  vm_runs || die "the lab '$NAME' is not up: start it with 'scripts/lab up'$(other_labs)"
  [ -S "$STATE/ssh.socket" ] || open_connection || true
  cd "$STATE" || exit
  local options=()
  [ "$1" != -t ] || { options=(-t) && shift; }
  exec ssh -F ssh.config "${options[@]}" vm "$1"
}
