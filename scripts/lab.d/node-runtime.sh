# shellcheck shell=bash disable=SC2034,SC2153 # sourced by scripts/lab; pieces share its variables
# The guest's Node.js and the project's packages, each in a disk image of its own. Node.js is one
# official binary, which runs on every suite (it needs only glibc and libstdc++). The packages are
# hundreds of small files: read over 9p they double the time that a program takes to start.

# Debian's own nodejs is linked to a dozen libraries of its suite; it would not start in another one.
portable_node() {
  local node=$1 libraries
  [ -x "$node" ] && node_new_enough "$node" || return 1
  libraries=$(ldd "$node" 2>/dev/null | awk '{print $1}' |
    grep -Ev '^(linux-vdso|libdl|libstdc\+\+|libm|libgcc_s|libpthread|libc)\.so|ld-linux' || true)
  [ -z "$libraries" ]
}

# The binary that goes into the guest.
guest_node() {
  local node
  node=$(command -v node || true)
  if [ -n "$node" ]; then
    node=$(node -p process.execPath 2>/dev/null || true)
    if [ -n "$node" ] && portable_node "$node"; then
      printf '%s\n' "$node"
      return
    fi
  fi
  fetch_node >&2
  printf '%s\n' "$FETCHED_NODE"
}

node_image() { cat "$STATE/node-image"; }

packages_image() { cat "$STATE/packages-image"; }

# The image of node_modules as it is now; none where it has not been installed yet.
make_packages_image() {
  local key image
  : >"$STATE/packages-image"
  [ -e "$PROJECT/node_modules/.package-lock.json" ] || {
    say "no node_modules yet: nodes will see none until 'scripts/node-setup' and the next 'up'"
    return 0
  }
  key=$(short_hash <"$PROJECT/node_modules/.package-lock.json")
  image=$CACHE/packages-$key.img
  if [ ! -e "$image" ]; then
    need mke2fs=e2fsprogs
    step "disk image of node_modules" "$CACHE/packages-image.log" build_packages_image "$image"
    # Only those that no lab could be starting with at this moment; running ones keep their open file.
    find "$CACHE" -maxdepth 1 -name 'packages-*.img' ! -path "$image" -mmin +60 -delete
  fi
  printf '%s\n' "$image" >"$STATE/packages-image"
}

build_packages_image() {
  local image=$1 new megabytes files
  new=$(mktemp "$CACHE/work-packages.XXXXXX")
  remove_at_end "$new"
  megabytes=$(du -sm --apparent-size "$PROJECT/node_modules" | cut -f1)
  files=$(find "$PROJECT/node_modules" | wc -l)
  # Many small files: each takes a block of 4 KiB and an inode.
  mke2fs -q -F -t ext4 -O '^has_journal' -m 0 -N "$((files + 1000))" -d "$PROJECT/node_modules" "$new" \
    "$((megabytes + files * 5 / 1024 + 32))M"
  mv "$new" "$image"
}

# Makes the image where it is missing and notes its path for this lab.
make_node_image() {
  local node key image
  node=$(guest_node)
  key=$(stat -Lc '%s-%Y-%i' "$node" | short_hash)
  image=$CACHE/node-$key.img
  if [ ! -e "$image" ]; then
    step "disk image with $("$node" --version)" "$CACHE/node-image.log" build_node_image "$node" "$image"
  fi
  printf '%s\n' "$image" >"$STATE/node-image"
}

build_node_image() {
  local node=$1 image=$2 work
  work=$(mktemp -d "$CACHE/work-node.XXXXXX")
  remove_at_end "$work"
  install -D -m 755 "$node" "$work/tree/bin/node"
  mke2fs -q -t ext4 -O '^has_journal' -m 0 -d "$work/tree" "$work/image" \
    "$(($(stat -c %s "$work/tree/bin/node") * 110 / 100 / 1048576 + 16))M"
  mv "$work/image" "$image"
}
