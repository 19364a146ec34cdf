# shellcheck shell=bash disable=SC2034,SC2153 # sourced by scripts/lab; pieces share its variables
# The few Debian packages that the host itself needs. Nothing else is installed on it.

# need COMMAND=PACKAGE ...: installs the packages of the commands that are missing, after saying so.
need() {
  local pair missing=()
  for pair in "$@"; do
    PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null ||
    die "missing on this machine: ${missing[*]}. It has no apt-get; install them by hand and try again."
  mkdir -p "$CACHE"
  say "this machine lacks: ${missing[*]}"
  step "apt-get install ${missing[*]}" "$CACHE/apt-get.log" install_packages "${missing[@]}"
}

install_packages() {
  # The lists may be absent (fresh container images) or older than the mirror's pool.
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q </dev/null
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" </dev/null
}

need_for_build() {
  need mmdebstrap=mmdebstrap mke2fs=e2fsprogs dpkg-deb=dpkg depmod=kmod xz=xz-utils cpio=cpio busybox=busybox-static
}

# The page is tried in a real browser.
need_for_browser() {
  need chromium=chromium
}

need_for_boot() {
  need qemu-system-x86_64=qemu-system-x86 ssh=openssh-client ssh-keygen=openssh-client flock=util-linux
}
