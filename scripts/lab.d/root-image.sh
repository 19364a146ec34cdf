# shellcheck shell=bash disable=SC2034,SC2153 # sourced by scripts/lab; pieces share its variables
# The guest's root and kernel: made by mmdebstrap from Debian's packages into .lab/cache,
# once for each suite and recipe.

ROOT_PACKAGES=(
  docker.io iptables ipvsadm iproute2 conntrack ipset nftables
  procps kmod bash util-linux mount hostname iputils-ping
  openssh-server busybox-static python3 libstdc++6
  tcpdump curl wget socat iperf3 lksctp-tools jq
)

# Of the kernel package: everything that networking, containers and a virtual machine use.
# The rest (sound, graphics, wireless, ...) is three quarters of it.
KERNEL_PARTS=(
  arch crypto lib mm security block virt
  fs/ext4 fs/jbd2 fs/mbcache.ko fs/overlayfs fs/9p fs/netfs fs/fscache fs/nls fs/fuse fs/configfs fs/autofs
  net/9p net/netfilter net/ipv4 net/ipv6 net/bridge net/802 net/8021q net/llc net/sched net/sctp net/core
  net/packet net/unix net/netlink net/xfrm net/key net/openvswitch net/mpls net/psample net/ife net/vmw_vsock
  drivers/virtio drivers/block drivers/net/veth.ko drivers/net/dummy.ko drivers/net/ifb.ko drivers/net/tun.ko drivers/net/tap.ko
  drivers/net/macvlan.ko drivers/net/ipvlan drivers/net/vrf.ko drivers/net/nlmon.ko drivers/net/bonding drivers/net/geneve.ko
  drivers/net/vxlan drivers/net/virtio_net.ko drivers/net/net_failover.ko drivers/net/netdevsim
  drivers/net/wireguard drivers/char/hw_random drivers/firmware net/failover.ko net/core/failover.ko
)

# The cache key: whatever changes what is built must change it.
root_key() {
  printf '%s-%s' "$SUITE" "$(cat "$PIECES/root-image.sh" "$PIECES/debian-sources.sh" "$PIECES/initramfs-init" | short_hash)"
}

root_folder() { printf '%s/root-%s' "$CACHE" "$(root_key)"; }

# Makes root.img, vmlinuz and initrd for SUITE where they are missing.
build_root() {
  local folder lock
  folder=$(root_folder)
  [ ! -e "$folder/complete" ] || return 0
  [ "$(uname -m)" = x86_64 ] || die "the lab is built for x86_64 machines; this one is $(uname -m)"
  need_for_build
  mkdir -p "$CACHE"
  # Two labs that come up at once must not build the same thing twice.
  exec {lock}>"$CACHE/lock-$SUITE"
  flock -n "$lock" || { say "another scripts/lab builds $SUITE; waiting for it" && flock "$lock"; }
  if [ ! -e "$folder/complete" ]; then
    local log=$CACHE/build-$SUITE.log
    : >"$log"
    say "no root for $SUITE yet: building it (once; log in ${log#"$PROJECT"/})"
    step "package lists of $SUITE" "$log" trust_suite "$SUITE"
    local work
    work=$(mktemp -d "$CACHE/work-$SUITE.XXXXXX")
    # shellcheck disable=SC2064 # the path of now is meant
    trap "as_root rm -rf '$work'" EXIT
    step "root of $SUITE, ${#ROOT_PACKAGES[@]} packages and what they need" "$log" make_root "$work/root" ||
      die "mmdebstrap failed"
    step "kernel of $SUITE" "$log" make_kernel "$work"
    step "disk image" "$log" make_image "$work"
    as_root rm -rf "$work/root" "$work/kernel"
    touch "$work/complete"
    rm -rf "$folder"
    mv "$work" "$folder"
    trap - EXIT
    forget_old_roots "$folder"
  fi
  exec {lock}>&-
}

# Roots of this suite made by older recipes: nobody can boot them any more.
forget_old_roots() {
  local old current=$1
  for old in "$CACHE/root-$SUITE"-*; do
    [ "$old" = "$current" ] || rm -rf "$old"
  done
}

has_package() { [ -n "$(private_apt "$SUITE" apt-cache madison "$1" 2>/dev/null)" ]; }

make_root() {
  local root=$1 packages=("${ROOT_PACKAGES[@]}") include
  # Debian 13 made the docker command a package of its own, which docker.io only recommends.
  ! has_package docker-cli || packages+=(docker-cli)
  include=$(IFS=, && printf '%s' "${packages[*]}")
  host_acquire_settings >"$CACHE/acquire.conf"
  local setting options=()
  while read -r setting; do options+=(--aptopt="$setting"); done <"$CACHE/acquire.conf"
  as_root mmdebstrap --mode=root --variant=essential --architectures=amd64 --format=directory \
    --include="$include" "${options[@]}" \
    --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Languages "none"' \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='force-unsafe-io' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --skip=cleanup/reproducible \
    "$SUITE" "$root" "deb [signed-by=$(suite_keyring "$SUITE")] $(archive_uri) $SUITE main"
  finish_root "$root"
}

# What the nodes and the boot script expect to find in the image.
finish_root() {
  local root=$1
  as_root sh -eu -s "$root" <<'ROOT'
cd "$1"
rm -rf etc/apt/sources.list* etc/apt/apt.conf.d/99mmdebstrap var/lib/apt/lists var/cache/apt
mkdir -p routemesh opt/node lab boot lib/modules
# ssh runs each command by root's shell: dash starts several times faster than bash under emulation.
sed -i 's#^\(root:.*\):[^:]*$#\1:/bin/sh#' etc/passwd
for command in node npm npx; do ln -sf /opt/node/bin/$command usr/local/bin/$command; done
rm -f etc/ssh/ssh_host_* etc/resolv.conf
: >etc/resolv.conf
ROOT
}

make_kernel() {
  local work=$1 version package part parts=()
  mkdir -p "$work/kernel"
  version=$(private_apt "$SUITE" apt-cache depends linux-image-amd64 |
    sed -n 's/^ *Depends: linux-image-\([0-9].*\)/\1/p')
  # Up to 6.12 the image is all; since 7 the kernel and its modules are packages of their own.
  for package in linux-{image,base,binary,modules}-"$version"; do
    has_package "$package" || continue
    (cd "$work/kernel" && private_apt "$SUITE" apt-get download -q "$package")
    dpkg-deb --fsys-tarfile "$work/kernel/$package"_*.deb | tar -x -C "$work/kernel"
  done
  local tree=$work/kernel/lib/modules
  [ -d "$tree" ] || tree=$work/kernel/usr/lib/modules # merged /usr, since trixie
  if [ -e "$tree/$version/vmlinuz" ]; then
    mv "$tree/$version/vmlinuz" "$work/vmlinuz"
  else
    mv "$work/kernel/boot/vmlinuz-$version" "$work/vmlinuz"
  fi
  for part in "${KERNEL_PARTS[@]}"; do
    if [ -d "$tree/$version/kernel/$part" ]; then
      parts+=("kernel/$part")
    else
      # One module, with or without .xz; or none where this kernel has it built in.
      while read -r part; do parts+=("$part"); done < <(cd "$tree/$version" && compgen -G "kernel/$part*")
    fi
  done
  as_root mkdir -p "$work/root/lib/modules/$version"
  (cd "$tree/$version" && tar -c modules.* "${parts[@]}") |
    as_root tar -x -C "$work/root/lib/modules/$version"
  as_root depmod -b "$work/root" "$version"
  make_initramfs "$work" "$version"
}

# A tiny initramfs: busybox and the modules needed to mount the root; initramfs-init is its only program.
make_initramfs() {
  local work=$1 version=$2 tree=$1/initramfs module number=100 target
  mkdir -p "$tree"/{bin,proc,sys,dev,base,top,new,modules}
  cp "$(command -v busybox)" "$tree/bin/busybox"
  for module in virtio_pci virtio_blk ext4 overlay virtio_net 9pnet_virtio 9p; do
    # Prints "builtin NAME" for what the kernel itself contains.
    modprobe -S "$version" -d "$work/root" --show-depends "$module"
  done >"$work/initramfs-modules"
  awk '$1 == "insmod" && !seen[$2]++ {print $2}' "$work/initramfs-modules" | while read -r module; do
    number=$((number + 1))
    target=$tree/modules/$number-$(basename "${module%.xz}")
    # busybox's insmod and the emulated CPU are both spared the unpacking.
    case $module in *.xz) xz -dc "$module" >"$target" ;; *) cp "$module" "$target" ;; esac
  done
  install -m 755 "$PIECES/initramfs-init" "$tree/init"
  (cd "$tree" && find . | cpio -o -H newc --quiet) >"$work/initrd"
  rm -rf "$tree" "$work/initramfs-modules"
}

make_image() {
  local work=$1 megabytes
  megabytes=$(as_root du -sm "$work/root" | cut -f1)
  # No journal: the image is only ever mounted read-only.
  as_root mke2fs -q -t ext4 -O '^has_journal' -m 0 -d "$work/root" "$work/root.img.new" "$((megabytes * 115 / 100 + 64))M"
  as_root chmod 644 "$work/root.img.new"
  mv -f "$work/root.img.new" "$work/root.img"
}
