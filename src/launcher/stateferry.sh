#!/bin/sh
# Starts Stateferry. The program lies in the folder stateferry-app beside this file; symbolic links to this file work.
#
# JAVA_HOME              the Java to run on, 17 or later; without it, the java on the PATH
# STATEFERRY_JAVA_OPTS   further options for the JVM, separated by blanks; they come last and so override those below
#                        (another collector needs -XX:-UseSerialGC first)

set -uf # -f: STATEFERRY_JAVA_OPTS is split into words, but never expanded to file names

# Whoever asks a running import where it is (SIGUSR1) does not know whether the program is up already, and must not end it.
trap '' USR1

fail() {
  printf 'stateferry: %s\n' "$1" >&2
  exit 78
}

# Prints the file that a path leads to when all symbolic links at its end are followed.
follow_links() {
  path=$1
  while [ -h "$path" ]; do
    link=$(readlink "$path")
    case $link in
      /*) path=$link ;;
      *) path=$(dirname "$path")/$link ;;
    esac
  done
  printf '%s\n' "$path"
}

self=$(follow_links "$0")
app=$(cd "$(dirname "$self")" && pwd -P)/stateferry-app
[ -f "$app/stateferry.jar" ] || fail "$app/stateferry.jar is missing; copy the folder stateferry-app along with the launcher, or build the project again"

if [ -n "${JAVA_HOME-}" ]; then
  java=$JAVA_HOME/bin/java
  [ -x "$java" ] || fail "JAVA_HOME is $JAVA_HOME, but there is no bin/java; set it to a Java of version 17 or later"
  java_home=$JAVA_HOME
else
  java=$(command -v java) || fail "no java on the PATH; install Java 17 or later, or set JAVA_HOME"
  java_home=$(dirname "$(dirname "$(follow_links "$java")")")
fi

# Names of files and snapshots are bytes, and Java takes them for what the locale says: without one (cron, units, containers) it
# would lose all that is not ASCII. Java has no option for it. Where there is no such locale, the program says so itself.
if [ "$(LC_ALL=C.UTF-8 locale charmap 2>/dev/null || echo UTF-8)" = UTF-8 ]; then
  LC_ALL=C.UTF-8
  export LC_ALL
fi

# The framework alone needs about a hundred. The JVM raises the soft limit to the hard one by itself.
files=$(ulimit -H -n)
if [ "$files" != unlimited ] && [ "$files" -lt 256 ]; then
  fail "only $files files may be open at a time; allow at least 256 (ulimit -n)"
fi

# The memory bound that the documentation states: buffers are direct memory, everything else is heap.
heap=-Xmx128m
buffers=64m
# The JVM would keep a copy of the largest table for each thread, and count it among the buffers.
caches=-Djdk.nio.maxCachedBufferSize=262144
# The optimising compiler would take half of the processor time that an import of 512 MiB needs, and give nothing back: what
# is done to every byte (copying, checksums) the JVM has in machine code. Only a service runs long enough.
compiler=-XX:TieredStopAtLevel=1
# The framework would prepare on a thread of its own what a web application may need (validation, for one): 800 classes more.
preparation=-Dspring.backgroundpreinitializer.ignore=true
# The build has worked out which beans the context of a command has.
beans=-Dspring.aot.enabled=true
exit_on=
# Made by an import, so it knows the framework and most of our own classes.
archive=$app/archive
case ${1-} in
  serve)
    heap=-Xmx256m
    buffers=352m # four imports at a time, or two that compress, and eight whose disks do not answer
    compiler=
    preparation=
    beans=
    # A service that went on without the thread that died of it would look alive. The exit code is 3.
    exit_on=-XX:+ExitOnOutOfMemoryError
    ;;
  inspect)
    # SHA-256 over all of a guest's memory takes three times as long without the optimising compiler.
    for argument; do
      [ "$argument" = --pages ] && compiler=
    done
    ;;
  # Few classes are needed: loading the archive costs as much as it saves.
  '' | -h | --help | -V | --version) archive= ;;
esac

# What the JVM itself has to say goes to standard error: standard output carries data only.
log=all=warning

# The class-data archive belongs to the one JVM that made it. Any other JVM ignores it, or does not even know the option;
# the log of the archive's own checks is off, because starting without it is no news to an operator.
set -- -jar "$app/stateferry.jar" "$@"
if [ -n "$archive" ] && cmp -s "$java_home/release" "$archive.release"; then
  if [ -f "$archive.aot" ]; then
    log="$log,aot*=off,cds*=off"
    set -- "-XX:AOTCache=$archive.aot" "$@"
  else
    log="$log,cds*=off"
    set -- -Xshare:auto "-XX:SharedArchiveFile=$archive.jsa" "$@"
  fi
fi

# shellcheck disable=SC2086 # the unquoted ones are words to split, or nothing
exec "$java" $heap "-XX:MaxDirectMemorySize=$buffers" $caches -XX:+UseSerialGC $compiler $preparation $beans $exit_on -Xlog:disable \
  "-Xlog:$log:stderr" ${STATEFERRY_JAVA_OPTS-} "$@"
