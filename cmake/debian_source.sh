#!/usr/bin/env bash
# The upstream tarball of a Debian source package, from the archive that this machine's apt is configured with:
#
#   debian_source.sh PACKAGE SHA256 DESTINATION
#
# Takes apt's own list of sources, asks for source packages instead of binary ones, and keeps everything it learns in a
# temporary folder: the machine's configuration and package lists stay as they are, and no root is needed.
set -euo pipefail

package=$1 sha256=$2 destination=$3
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
mkdir -p "$scratch/parts" "$scratch/lists/partial" "$scratch/cache/archives/partial" "$scratch/out"

etc=/etc/apt
for file in "$etc"/sources.list "$etc"/sources.list.d/*.list; do
  [[ -f $file ]] || continue
  sed -n 's/^deb\(-src\)\{0,1\}[[:space:]]/deb-src /p' "$file" >"$scratch/parts/$(basename "$file" .list).list"
done
for file in "$etc"/sources.list.d/*.sources; do
  [[ -f $file ]] || continue
  sed 's/^Types:.*/Types: deb-src/' "$file" >"$scratch/parts/$(basename "$file")"
done

cd "$scratch/out"
apt=(apt-get -q -o "Dir::Etc::sourcelist=$scratch/none" -o "Dir::Etc::sourceparts=$scratch/parts"
  -o "Dir::State::lists=$scratch/lists" -o "Dir::Cache=$scratch/cache" -o APT::Sandbox::User=)
"${apt[@]}" update >&2 || true # One source that does not answer is no reason: what counts is the package.
"${apt[@]}" source --download-only --tar-only "$package" >&2

for file in *.orig.tar.*; do
  if printf '%s  %s\n' "$sha256" "$file" | sha256sum --check --status; then
    mkdir -p "$(dirname "$destination")"
    cp "$file" "$destination.$$" && mv "$destination.$$" "$destination"
    exit 0
  fi
done
echo "the archive's $package has another tarball than the one with SHA-256 $sha256" >&2
exit 1
