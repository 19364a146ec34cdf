# shellcheck shell=bash disable=SC2034,SC2153 # sourced by scripts/lab; pieces share its variables
# The lab's few C programs and the test image, made on the host into .lab/cache: static, so that
# they run on every suite and in an image of their own.

PROGRAM_SOURCES=("$PIECES/guest/enter.c" "$PROJECT/test/image/server.c" "$PROJECT"/test/tools/{ask,load,probe,datagrams,watch-ipvs}.c)

# Makes what is missing or older than its sources; notes the folder for this lab.
make_programs() {
  local folder
  folder=$CACHE/programs-$(cat "${PROGRAM_SOURCES[@]}" "$PIECES/programs.sh" | short_hash)
  if [ ! -e "$folder/complete" ]; then
    need busybox=busybox-static
    compiler_works || need_compiler
    step "the lab's programs and the test image" "$CACHE/programs.log" build_programs "$folder"
    # Those of older sources; another lab that boots at this moment may still copy from them.
    find "$CACHE" -maxdepth 1 -name 'programs-*' ! -path "$folder" -mmin +60 -exec rm -rf {} +
  fi
  basename "$folder" >"$STATE/programs"
}

compiler_works() {
  command -v cc >/dev/null && echo 'int main(void) { return 0; }' | cc -static -x c -o /dev/null - 2>/dev/null
}

need_compiler() {
  say "this machine lacks a C compiler that links statically: gcc, libc6-dev"
  step "apt-get install gcc libc6-dev" "$CACHE/apt-get.log" install_packages gcc libc6-dev
}

build_programs() {
  local folder=$1 work source
  work=$(mktemp -d "$CACHE/work-programs.XXXXXX")
  remove_at_end "$work"
  for source in "${PROGRAM_SOURCES[@]}"; do
    cc -O2 -Wall -Wextra -static -o "$work/$(basename "$source" .c)" "$source"
  done
  build_test_image "$work"
  touch "$work/complete"
  chmod 755 "$work"
  rm -rf "$folder"
  mv "$work" "$folder"
}

# routemesh-test:1: the server, and busybox for whatever a test wants to run inside of a task.
build_test_image() {
  local work=$1 tree=$1/image command
  mkdir -p "$tree"/{bin,etc,tmp,root}
  cp "$work/server" "$work/load" "$(command -v busybox)" "$tree/bin/"
  for command in $("$tree/bin/busybox" --list); do
    [ -e "$tree/bin/$command" ] || ln -s busybox "$tree/bin/$command"
  done
  echo 'root:x:0:0:root:/root:/bin/sh' >"$tree/etc/passwd"
  tar -C "$tree" --owner=0 --group=0 --numeric-owner -cf "$work/test-image.tar" .
  rm -rf "$tree"
}
