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
  uri=$(apt-get indextargets --format '$(IDENTIFIER) $(ORIGIN) $(COMPONENT) $(RELEASE) $(REPO_URI)' 2>/dev/null |
    awk '$1 == "Packages" && $2 == "Debian" && $3 == "main" && $4 !~ /-/ {print $5; exit}')
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

# private_apt SUITE: (re)makes the folder of a private apt for that suite and prints its path.
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

# trusted_keyring SUITE: a keyring that this suite's signature checks with. The host's own where
# that is new enough; else the one inside the debian-archive-keyring package of another suite
# whose signature the host does trust: so the chain of trust starts at the host's keyring.
# Leaves the private apt of SUITE up to date.
KEYRING=
trust_suite() {
  local suite=$1 host_keyring=/usr/share/keyrings/debian-archive-keyring.gpg other
  [ -e "$host_keyring" ] || host_keyring=/usr/share/keyrings/debian-archive-keyring.pgp
  [ -e "$host_keyring" ] || need_keyring
  KEYRING=$host_keyring
  make_private_apt "$suite" "$KEYRING"
  private_apt "$suite" apt-get update -q && return 0
  for other in $SUITES; do
    [ "$other" != "$suite" ] || continue
    echo "trying the keyring of $other for $suite"
    make_private_apt "$other" "$host_keyring"
    private_apt "$other" apt-get update -q || continue
    (cd "$CACHE/apt-$other/archives" && private_apt "$other" apt-get download -q debian-archive-keyring) || continue
    dpkg-deb -x "$CACHE/apt-$other"/archives/debian-archive-keyring_*.deb "$CACHE/keyring-$other"
    KEYRING=$(find "$CACHE/keyring-$other/usr/share/keyrings" -name 'debian-archive-keyring.*' ! -type l | head -n 1)
    make_private_apt "$suite" "$KEYRING"
    private_apt "$suite" apt-get update -q && return 0
  done
  echo "no keyring found that $suite's signature checks with"
  return 1
}

need_keyring() {
  install_packages debian-archive-keyring
}
