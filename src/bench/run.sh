#!/bin/sh
# Builds Stateferry and measures it against everything else that could be used in its place; --help tells the options.
# `run.sh jmh ARGUMENTS` runs the micro-benchmarks, with the allocation profiler.

set -eu

project=$(cd "$(dirname "$0")/../.." && pwd)
(cd "$project" && ./mvnw -q -B -Pbench -DskipTests package)

build=$project/target
java=${JAVA_HOME:+$JAVA_HOME/bin/}java
classpath=$build/test-classes:$build/classes:$(cat "$build/bench.classpath")

if [ "${1-}" = jmh ]; then
  shift
  exec "$java" -cp "$classpath" org.openjdk.jmh.Main -prof gc "$@"
fi
# The limit is for one answer of a QEMU, which may have many GiB to write.
exec "$java" -cp "$classpath" -Dstateferry.project="$project" -Dstateferry.qemuSeconds=3600 \
  org.stateferry.bench.BenchmarkCommand "$@"
