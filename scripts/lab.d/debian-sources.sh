# shellcheck shell=bash disable=SC2034,SC2153 # sourced by scripts/lab; pieces share its variables
# Where Debian's packages come from: whatever this machine's own apt is set up with.
# A private apt (its own lists, nothing of the host's touched) looks at one suite.

# The archive that the host takes Debian from, e.g. for `deb [...] URI bookworm main`.
archive_uri() {
  if [ -n "${LAB_DEBIAN_URI:-}" ]; then
    printf '%s\n' "$LAB_DEBIAN_URI"
    return
  fi
  # Not the -updates, -security and -backports suites: another archive, or not the whole of one.
  local uri
  # shellcheck disable=SC2016 # apt fills in the $(...), not the shell
  uri=$(apt-get indextargets --format '$(IDENTIFIER) $(ORIGIN) $(COMPONENT) $(RELEASE) $(REPO_URI)' 2>/dev/null |
    awk '$1 == "Packages" && $2 == "Debian" && $3 == "main" && $4 !~ /-/ && !found++ {print $5}')
  [ -n "$uri" ] || die "apt on this machine has no Debian archive (or 'apt-get update' never ran).
Run 'apt-get update', or set LAB_DEBIAN_URI to a Debian archive and try again."
  printf '%s\n' "$uri"
}

# The host's apt settings that decide how an archive is reached (proxy, certificates), as apt.conf lines.
host_acquire_settings() {
  apt-config dump --format '%F "%v";%n' Acquire 2>/dev/null |
    grep -Ei '^Acquire::(https?|ftp)::.*(proxy|cainfo|capath|sslcert|sslkey|verify|user-agent)' |
    grep -vF ' "";' || true
}

# make_private_apt SUITE KEYRING: (re)makes the folder of a private apt for that suite.
# Testing's Release file may be past its Valid-Until date on a mirror that is a snapshot;
# the signatures are checked all the same.
make_private_apt() {
  local suite=$1 keyring=$2 dir=$CACHE/apt-$1
  rm -rf "$dir"
  mkdir -p "$dir/lists/partial" "$dir/archives/partial" "$dir/empty"
  : >"$dir/status"
  printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$(archive_uri)" "$suite" >"$dir/sources.list"
  {
    host_acquire_settings
    cat <<CONF
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::DEP-11-icons::DefaultEnabled "false";
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Dir::Etc::SourceList "$dir/sources.list";
Dir::Etc::SourceParts "$dir/empty";
Dir::Etc::Parts "$dir/empty";
Dir::Etc::Preferences "$dir/empty/none";
Dir::Etc::PreferencesParts "$dir/empty";
Dir::State::Lists "$dir/lists";
Dir::State::Status "$dir/status";
Dir::Cache "$dir";
Dir::Cache::Archives "$dir/archives";
CONF
  } >"$dir/apt.conf"
}

private_apt() { # private_apt SUITE apt-get|apt-cache ARGS...
  local conf=$CACHE/apt-$1/apt.conf
  shift
  APT_CONFIG=$conf "$@" </dev/null
}

# The keyring that trust_suite has found for a suite.
suite_keyring() { cat "$CACHE/apt-$1/keyring"; }

# trust_suite SUITE: sets up the private apt of a suite with a keyring that its signature checks
# with. The host's own where that is new enough; else the one inside the debian-archive-keyring
# package of another suite whose signature the host does trust: the chain starts at the host's.
trust_suite() {
  local suite=$1 host_keyring=/usr/share/keyrings/debian-archive-keyring other unpacked
  [ -e "$host_keyring.gpg" ] || [ -e "$host_keyring.pgp" ] || install_packages debian-archive-keyring
  if [ -e "$host_keyring.gpg" ]; then host_keyring+=.gpg; else host_keyring+=.pgp; fi
  if reads_suite "$suite" "$host_keyring"; then return 0; fi
  for other in $SUITES; do
    [ "$other" != "$suite" ] || continue
    echo "trying the keyring of $other for $suite"
    reads_suite "$other" "$host_keyring" || continue
    (cd "$CACHE/apt-$other/archives" && private_apt "$other" apt-get download -q debian-archive-keyring) || continue
    unpacked=$CACHE/keyring-$other
    dpkg-deb -x "$CACHE/apt-$other"/archives/debian-archive-keyring_*.deb "$unpacked" || continue
    if reads_suite "$suite" "$(find "$unpacked/usr/share/keyrings" -name 'debian-archive-keyring.*' ! -type l)"; then
      return 0
    fi
  done
  echo "no keyring found that $suite's signature checks with"
  return 1
}

reads_suite() {
  make_private_apt "$1" "$2"
  printf '%s\n' "$2" >"$CACHE/apt-$1/keyring"
  private_apt "$1" apt-get update -q
}
