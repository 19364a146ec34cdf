# shellcheck shell=bash disable=SC2034,SC2153 # sourced by scripts/lab; pieces share its variables
# The one QEMU process of a lab: start it, know whether it runs, end it.

# The process id of this lab's VM; fails where it does not run. A process id that was given to
# another program meanwhile is not taken for ours.
vm_pid() {
  local pid
  [ -r "$STATE/qemu.pid" ] || return 1
  pid=$(<"$STATE/qemu.pid")
  [ -n "$pid" ] && grep -qsF "lab-$NAME,process" "/proc/$pid/cmdline" && printf '%s\n' "$pid"
}

vm_runs() { vm_pid >/dev/null; }

# accelerator: prints kvm where KVM boots this kernel, else tcg (software emulation).
# A /dev/kvm that exists proves nothing (nested machines often have one that cannot run a guest),
# so the kernel is really booted, once for each boot of the host.
accelerator() {
  case $ACCEL in
    kvm | tcg) printf '%s\n' "$ACCEL" && return ;;
    auto) ;;
    *) die_usage "--accel is auto, kvm or tcg, got '$ACCEL'" ;;
  esac
  local verdict
  verdict=$CACHE/accel-$(tr -d - </proc/sys/kernel/random/boot_id)-$(id -u)
  if [ ! -s "$verdict" ]; then
    rm -f "$CACHE"/accel-*
    if kvm_boots; then echo kvm >"$verdict"; else echo tcg >"$verdict"; fi
  fi
  cat "$verdict"
}

kvm_boots() {
  [ -r /dev/kvm ] && [ -w /dev/kvm ] || return 1
  say "trying whether /dev/kvm runs a guest ..."
  local out
  out=$(timeout --kill-after=2 20 qemu-system-x86_64 -accel kvm -cpu max -m 512 -display none -nic none -no-reboot \
    -serial stdio -kernel "$(root_folder)/vmlinuz" -initrd "$(root_folder)/initrd" \
    -append "console=ttyS0 quiet panic=-1 rdinit=/bin/busybox -- echo lab-kvm-works" </dev/null 2>&1) || true
  case $out in
    *lab-kvm-works*) say "KVM works: the lab runs on it" ;;
    *) say "KVM does not run a guest here: software emulation" && return 1 ;;
  esac
}

free_port() {
  local port tries
  for tries in {1..50}; do
    port=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { printf '%s\n' "$port" && return; }
  done
  die "no free port on 127.0.0.1 after $tries tries"
}

default_memory() { printf '%s\n' $((1536 + 1024 * NODES)); }

# add_disk NAME IMAGE: appends to the `options` of the caller.
add_disk() {
  options+=(-drive "file=$2,format=raw,if=none,id=$1,readonly=on" -device "virtio-blk-pci,drive=$1,serial=$1")
}

start_vm() {
  local accel=$1 tries port options=() kernel='console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on'
  local folder
  folder=$(root_folder)
  case $accel in
    kvm) options+=(-accel kvm -cpu host) ;;
    # Software emulation, tuned by the CPU seconds until one node is up. One host thread for each
    # virtual CPU, and a cache of translated code that three dockerd fit into for hours. No features
    # that cost on every memory access, nor AVX, which Go would use and QEMU emulates slowly. Without
    # tsc=reliable the kernel distrusts the emulated TSC, and each look at the clock is a trip
    # through an emulated HPET. norandmaps: QEMU finds translated code again by the virtual address
    # that it ran at; with a program at another address each time it is started, all of it is
    # translated anew (`docker --version`: 2.3 s instead of 0.4 s).
    tcg)
      options+=(-accel 'tcg,thread=multi,tb-size=1024' -cpu "max,la57=off,smap=off,smep=off,pku=off,avx=off,avx2=off")
      kernel+=' tsc=reliable norandmaps'
      ;;
  esac
  # In this order: the guest finds its root as the first disk, Node.js as the second.
  add_disk root "$folder/root.img"
  add_disk node "$(node_image)"
  [ -z "$(packages_image)" ] || add_disk packages "$(packages_image)"
  for tries in 1 2 3; do
    port=$(free_port)
    # restrict=on: the guest reaches nothing outside; only the forwarded port comes in.
    if (cd "$STATE" && qemu-system-x86_64 -name "lab-$NAME,process=lab-$NAME" "${options[@]}" \
      -smp "$CPUS" -m "$MEMORY" -display none -no-reboot -daemonize -pidfile qemu.pid \
      -serial file:console.log -monitor none \
      -kernel "$folder/vmlinuz" -initrd "$folder/initrd" \
      -append "$kernel lab=$NAME" \
      -virtfs "local,path=$PROJECT,mount_tag=project,security_model=none,readonly=on,multidevs=remap" \
      -netdev "user,id=outside,net=192.168.255.0/24,ipv6=off,restrict=on,hostfwd=tcp:127.0.0.1:$port-:22" \
      -device virtio-net-pci,netdev=outside,romfile= -device virtio-rng-pci \
      </dev/null >>"$STATE/qemu.log" 2>&1); then
      printf '%s\n' "$port" >"$STATE/port"
      return 0
    fi
    grep -qi 'could not set up host forwarding' "$STATE/qemu.log" || break
  done
  tail -n 5 "$STATE/qemu.log" >&2
  return 1
}

# Everything in the guest is in memory and thrown away: no need to ask it to shut down.
stop_vm() {
  local pid tries
  pid=$(vm_pid) || return 0
  kill "$pid"
  for tries in {1..50}; do
    vm_runs || return 0
    sleep 0.1
  done
  say "the VM still runs after $((tries / 10)) s: kill -9 $pid"
  kill -9 "$pid"
}
