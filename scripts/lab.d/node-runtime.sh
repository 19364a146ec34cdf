# The guest's Node.js: a disk image with one official binary, which runs on every suite
# (it needs only glibc and libstdc++).

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

# Makes the image where it is missing and notes its path for this lab.
make_node_image() {
  local node key image
  node=$(guest_node)
  key=$(stat -Lc '%s-%Y-%i' "$node" | short_hash)
  image=$CACHE/node-$key.img
  if [ ! -e "$image" ]; then
    step "disk image with $("$node" --version)" "$CACHE/node-image.log" build_node_image "$node" "$image" ||
      die "could not make the image of Node.js"
  fi
  printf '%s\n' "$image" >"$STATE/node-image"
}

build_node_image() {
  local node=$1 image=$2 work
  work=$(mktemp -d "$CACHE/work-node.XXXXXX")
  install -D -m 755 "$node" "$work/tree/bin/node"
  mke2fs -q -t ext4 -O '^has_journal' -m 0 -d "$work/tree" "$work/image" \
    "$(($(stat -c %s "$work/tree/bin/node") * 110 / 100 / 1048576 + 16))M"
  mv "$work/image" "$image"
  rm -rf "$work"
}
