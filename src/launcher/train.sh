#!/bin/sh
# The training run: what the class-data archive shall make fast. The archive holds the classes that ONE process had
# loaded when it ended, so exactly one command is recorded; commands before it only prepare its input.
#
# usage: train.sh LAUNCHER OPTION     in an empty working directory, with STATEFERRY_HOME set to a throw-away folder

set -eu

launcher=$1
option=$2

recorded() {
  STATEFERRY_JAVA_OPTS=$option "$launcher" "$@"
}

demo=$(cd "$(dirname "$0")/../demo" && pwd)
cp -p "$demo/ticker.qcow2" .
"$launcher" history >&2
recorded import "$demo/ticker.vmstate" ticker.qcow2 --name trained --progress plain
