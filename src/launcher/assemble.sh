#!/bin/sh
# Makes the launcher from the executable jar: BUILD/stateferry, and beside it the folder stateferry-app with the jar, its
# libraries and, where the training run succeeds, a class-data archive for the JVM that runs the build; and the folder
# stateferry-share with completions and man pages, as they lie in /usr/share.
#
# usage: assemble.sh BUILD JAVA_HOME TIME

set -eu

sources=$(cd "$(dirname "$0")" && pwd)
build=$1
JAVA_HOME=$2
export JAVA_HOME
app=$build/stateferry-app
training=$build/training

# Nothing is done again for the same program, scripts and JVM.
inputs=$(cat "$build/stateferry.jar" "$sources"/*.sh "$sources"/share/*/*/* "$JAVA_HOME/release" | cksum)
if [ -x "$build/stateferry" ] && [ "$(cat "$app/inputs" 2>/dev/null)" = "$inputs" ]; then
  exit 0
fi

rm -rf "$app" "$training" "$build/stateferry-share"
mkdir -p "$training"
"$JAVA_HOME/bin/java" -Djarmode=tools -jar "$build/stateferry.jar" extract --destination "$app"
cp "$sources/stateferry.sh" "$build/stateferry"
chmod 755 "$build/stateferry"
"$JAVA_HOME/bin/java" -XX:TieredStopAtLevel=1 -cp "$app/stateferry.jar" org.stateferry.cli.CommandDocuments \
  "$build/stateferry-share" "$3"
cp -R "$sources/share/." "$build/stateferry-share/"

# Java 25 and later make the cache with one command; earlier ones have only the dynamic archive. Both warn about each
# class they leave out: those lines are of no use.
version=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$JAVA_HOME/release")
if [ "$version" -ge 25 ]; then
  archive=archive.aot
  option=-XX:AOTCacheOutput=$archive
else
  archive=archive.jsa
  option=-XX:ArchiveClassesAtExit=$archive
fi
option="$option -Xlog:disable -Xlog:all=error:stderr"

if (cd "$training" && STATEFERRY_HOME=$training/home sh "$sources/train.sh" "$build/stateferry" "$option") \
  >"$build/training.log" 2>&1 </dev/null && [ -s "$training/$archive" ]; then
  # The JVM makes it for its user alone; a service has another one.
  chmod 644 "$training/$archive"
  mv "$training/$archive" "$app/$archive"
  cp "$JAVA_HOME/release" "$app/archive.release"
  printf '%s\n' "$inputs" >"$app/inputs"
else
  echo "[WARNING] The training run failed, so there is no class-data archive and starts are slower: see $build/training.log"
fi
rm -rf "$training"
