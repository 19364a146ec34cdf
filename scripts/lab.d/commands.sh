# shellcheck shell=bash disable=SC2034,SC2153 # sourced by scripts/lab; pieces share its variables
# One function for each command of scripts/lab.

main() {
  use_name "$NAME"
  while [ $# -gt 0 ]; do
    case $1 in
      --name) use_name "${2:-}" && shift 2 ;;
      --name=*) use_name "${1#*=}" && shift ;;
      *) break ;;
    esac
  done
  local command=${1:-help}
  [ $# -eq 0 ] || shift
  case $command in
    up | build | down | status | exec | client | vm | shell | dockerd | mesh | logs | forward | browser | cable | power | console) "command_$command" "$@" ;;
    help | -h | --help) command_help ;;
    *) die_usage "unknown command '$command'" ;;
  esac
}

command_help() {
  cat <<'HELP'
scripts/lab: a real Docker Swarm on a real kernel, in one virtual machine on this host.

  scripts/lab up [FLAGS]            build what is missing, boot, form the Swarm; says so if it is up
      --nodes N                     how many nodes, h1 to hN (1-9; default 1)
      --managers M                  how many of them are managers (default 1)
      --suite S                     bookworm (default), trixie or forky: their Docker and kernel
      --no-swarm | --no-docker      daemons that are not joined | nodes without a daemon
      --memory MIB, --cpus N        of the virtual machine (default: by nodes; all cores up to 4)
      --accel auto|kvm|tcg          auto tries KVM and falls back to software emulation
  scripts/lab down                  end it; everything in it is forgotten, the build stays
  scripts/lab status                what is up
  scripts/lab exec NODE CMD...      run a command on a node: exit code, stdin and output are its own
  scripts/lab client CMD...         the same on the client, 192.168.56.100
  scripts/lab vm CMD...             the same in the virtual machine's own namespaces
  scripts/lab shell [NODE]          a shell on a node (default h1), on the client, or on vm
  scripts/lab dockerd NODE start|stop|kill|restart|status
  scripts/lab mesh NODE start|stop|kill|restart|status|logs [FLAGS]
                                    routemesh's controller on the node, as built in dist/
  scripts/lab logs NODE             the log of a node's dockerd
  scripts/lab forward NODE PORT     bring 127.0.0.1:PORT of the node to this host; prints where it is
  scripts/lab browser               install Chromium on this host where it is missing; prints its path
  scripts/lab cable NODE cut|plug   take the node off the network, or put it back
  scripts/lab power NODE kill|boot  end all of a node at once; start it again with its disk, or a new one
  scripts/lab console               what the kernel said while booting
  scripts/lab build [--suite S]     only build (what `up` does the first time)

Several labs run side by side: `scripts/lab --name NAME ...`, or LAB_NAME=NAME. Each flag of `up` has
an environment variable: LAB_NODES, LAB_SUITE, LAB_MANAGERS, LAB_MEMORY, LAB_CPUS, LAB_ACCEL.
Nodes are 192.168.56.11, .12, ...; the project is /routemesh in them, read-only. See docs/lab.md.
HELP
}

read_up_flags() {
  while [ $# -gt 0 ]; do
    case $1 in
      --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" ;;
    esac
    case $1 in
      --no-docker) DOCKER=none && shift && continue ;;
      --no-swarm) DOCKER=docker && shift && continue ;;
      --nodes | --managers | --suite | --memory | --cpus | --accel | --name) ;;
      *) die_usage "unknown flag '$1'" ;;
    esac
    [ $# -ge 2 ] || die_usage "$1 needs a value"
    case $1 in
      --nodes) NODES=$2 ;;
      --managers) MANAGERS=$2 ;;
      --suite) SUITE=$2 ;;
      --memory) MEMORY=$2 ;;
      --cpus) CPUS=$2 ;;
      --accel) ACCEL=$2 ;;
      --name) use_name "$2" ;;
    esac
    shift 2
  done
  [[ $NODES =~ ^[1-9]$ ]] || die_usage "--nodes is 1 to 9, got '$NODES'"
  [[ $MANAGERS =~ ^[1-9]$ && $MANAGERS -le $NODES ]] || die_usage "--managers is 1 to the number of nodes, got '$MANAGERS'"
  [[ " $SUITES " == *" $SUITE "* ]] || die_usage "--suite is one of $SUITES, got '$SUITE'"
  [ -n "$MEMORY" ] || MEMORY=$(default_memory)
  [[ $MEMORY =~ ^[0-9]+$ ]] || die_usage "--memory is a number of MiB, got '$MEMORY'"
  [ -n "$CPUS" ] || CPUS=$(($(nproc) < 4 ? $(nproc) : 4))
  [[ $CPUS =~ ^[1-9][0-9]*$ ]] || die_usage "--cpus is a number, got '$CPUS'"
}

command_build() {
  read_up_flags "$@"
  build_root
  say "$SUITE is built: $(root_folder)"
}

command_up() {
  read_up_flags "$@"
  local shape="$SUITE, $NODES node(s), $MANAGERS manager(s), docker: $DOCKER" lock
  mkdir -p "$STATE" "$CACHE"
  exec {lock}>"$STATE/lock"
  flock -n "$lock" || { say "another scripts/lab brings up '$NAME'; waiting for it" && flock "$lock"; }
  if vm_runs; then
    if [ -e "$STATE/ready" ] && [ "$(<"$STATE/shape")" = "$shape" ]; then
      say "lab '$NAME' is up already: $shape"
      return
    fi
    die "lab '$NAME' is up in another shape or half-way ($(cat "$STATE/shape" 2>/dev/null)):
end it with 'scripts/lab --name $NAME down', or choose another --name"
  fi
  forget_run
  need_for_boot
  build_root
  make_programs
  make_node_image
  make_packages_image
  make_keys
  local accel
  accel=$(accelerator)
  printf '%s\n' "$shape" >"$STATE/shape"
  printf '%s\n' "$accel" >"$STATE/accel"
  say "booting $SUITE by $accel: $CPUS CPUs, $MEMORY MiB"
  start_vm "$accel" {lock}>&- || die "QEMU did not start; see $STATE/qemu.log"
  write_ssh_config
  connect 300 {lock}>&-
  say "the guest answers; bringing up $NODES node(s)"
  (in_vm "/run/lab/bin/cluster $NODES $MANAGERS $DOCKER") </dev/null {lock}>&- | while read -r line; do say "  $line"; done ||
    die "the nodes did not come up; look around with 'scripts/lab --name $NAME shell vm', end it with 'down'"
  touch "$STATE/ready"
  say "lab '$NAME' is up: $shape"
}

# What a run leaves in the state folder; keys stay.
forget_run() {
  rm -f "$STATE"/{ready,shape,accel,port,qemu.pid,qemu.log,console.log,ssh.config,ssh.socket,ssh.log,known_hosts}
}

command_down() {
  [ $# -eq 0 ] || die_usage "down takes no arguments, got '$*'"
  if vm_runs; then
    close_connection
    stop_vm
    say "lab '$NAME' is down"
  else
    say "lab '$NAME' is not up"
  fi
  [ ! -d "$STATE" ] || forget_run
}

other_labs() {
  local folder others=()
  for folder in "$LAB_DIR"/run/*/; do
    [ -d "$folder" ] || continue
    (use_name "$(basename "$folder")" && vm_runs) && others+=("$(basename "$folder")")
  done
  [ ${#others[@]} -eq 0 ] || printf ' (up: %s; choose with --name)' "${others[*]}"
}

command_status() {
  local pid
  if ! pid=$(vm_pid); then
    printf "lab '%s' is not up%s\n" "$NAME" "$(other_labs)"
    return 1
  fi
  printf "lab '%s': %s\n" "$NAME" "$(<"$STATE/shape")"
  printf 'virtual machine: process %s, %s, up %s, ssh on 127.0.0.1:%s\n' \
    "$pid" "$(<"$STATE/accel")" "$(ps -o etime= -p "$pid" | tr -d ' ')" "$(<"$STATE/port")"
  [ -e "$STATE/ready" ] || { echo 'not ready' && return 1; }
  (in_vm /run/lab/bin/overview)
}

command_exec() {
  [ $# -ge 2 ] || die_usage "exec needs a node and a command: scripts/lab exec h1 docker ps"
  in_vm "exec /run/lab/bin/enter$(quoted "$@")"
}

command_client() {
  [ $# -ge 1 ] || die_usage "client needs a command: scripts/lab client curl http://192.168.56.11:8080/"
  command_exec client "$@"
}

command_vm() {
  [ $# -ge 1 ] || die_usage "vm needs a command: scripts/lab vm ip link"
  in_vm "exec$(quoted "$@")"
}

command_shell() {
  local node=${1:-h1}
  if [ "$node" = vm ]; then
    in_vm -t 'cd /routemesh && exec bash -l'
  else
    in_vm -t "exec /run/lab/bin/enter$(quoted "$node" bash -l)"
  fi
}

command_dockerd() {
  [ $# -eq 2 ] || die_usage "dockerd needs a node and what to do: scripts/lab dockerd h1 restart"
  command_exec "$1" /run/lab/bin/daemon "$2"
}

command_mesh() {
  [ $# -ge 2 ] || die_usage "mesh needs a node and what to do: scripts/lab mesh h1 start"
  [ -e "$PROJECT/dist/src/cli/main.js" ] || die "routemesh is not built: run 'npm run build'"
  command_exec "$1" /run/lab/bin/mesh "${@:2}"
}

command_logs() {
  [ $# -eq 1 ] || die_usage "logs needs a node: scripts/lab logs h1"
  command_exec "$1" cat /var/log/dockerd.log
}

# The node's own loopback: a unix socket leads into its network namespace, and ssh to the socket, until `down`.
command_forward() {
  [[ $# -eq 2 && $2 =~ ^[1-9][0-9]*$ ]] || die_usage "forward needs a node and a port: scripts/lab forward h1 8090"
  local socket=/run/lab/forward-$1-$2.sock port
  (command_vm /run/lab/bin/forward "$1" "$2" "$socket") || die "there is no way to '$1'; 'scripts/lab status' lists the nodes that are up"
  port=$(free_port)
  (cd "$STATE" && ssh -F ssh.config -O forward -L "127.0.0.1:$port:$socket" vm) || die "ssh does not forward; see $STATE/ssh.log"
  printf 'http://127.0.0.1:%s/\n' "$port"
}

command_browser() {
  [ $# -eq 0 ] || die_usage "browser takes no arguments, got '$*'"
  need_for_browser
  command -v chromium
}

command_cable() {
  case ${2:-} in
    cut) command_vm ip link set "under-$1" down ;;
    plug) command_vm ip link set "under-$1" up ;;
    *) die_usage "cable needs a node and cut or plug: scripts/lab cable h1 cut" ;;
  esac
}

command_power() {
  [ $# -eq 2 ] || die_usage "power needs a node and kill or boot: scripts/lab power h2 kill"
  command_vm /run/lab/bin/power "$@"
}

command_console() { cat "$STATE/console.log"; }
