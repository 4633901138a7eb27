#!/bin/sh
# Draws src/docs/run.svg, the picture in README.md, from a real run: the built program and QEMU work on copies of the demo
# files, each on a pseudo terminal, and what stays on that terminal is what the picture shows. Nothing is downloaded.
#
# usage: src/docs/picture.sh     after ./mvnw -q -DskipTests package
#
# It needs script (util-linux), awk and qemu-img; without qemu-system-x86_64 the picture lacks the resumed guest.

set -eu

columns=114
root=$(cd "$(dirname "$0")/../.." && pwd)
demo=/tmp/demo # verify prints the image's whole path, so it is part of the picture
PATH=$root/target:$PATH
STATEFERRY_HOME=$demo/home
TERM=xterm
export PATH STATEFERRY_HOME TERM

fail() {
  echo "picture.sh: $1" >&2
  exit 1
}

[ -x "$root/target/stateferry" ] || fail "target/stateferry is missing; run ./mvnw -q -DskipTests package first"
mkdir "$demo" || fail "$demo exists; remove it first"
trap 'rm -rf "$demo"' EXIT

cp -p "$root/src/demo/ticker.vmstate" "$demo/state.vmstate"
cp -p "$root/src/demo/ticker.qcow2" "$demo/disk.qcow2"
cd "$demo"
: >transcript

# Runs a command on a terminal of its own and keeps what is left on it when the progress line has been erased.
shown() {
  printf '$ %s\n' "$1" >>transcript
  script -qec "$1" /dev/null </dev/null >raw || fail "failed: $1"
  awk '{ sub(/\r+$/, ""); gsub(/.*\r\033\[K/, ""); sub(/ +$/, ""); print }' raw >>transcript
  echo >>transcript
}

shown 'stateferry import state.vmstate disk.qcow2 --name saved'
shown 'stateferry import state.vmstate disk.qcow2 --name saved'
shown 'stateferry verify disk.qcow2 --name saved --against state.vmstate'
shown 'qemu-img snapshot -l disk.qcow2'

# The guest counts until it is ended, so it is ended after its fourth whole line.
resume='qemu-system-x86_64 -nodefaults -display none -machine pc-i440fx-7.2 -accel tcg -m 16 \
    -serial stdio -drive file=disk.qcow2,if=ide,format=qcow2 -loadvm saved'
if command -v qemu-system-x86_64 >/dev/null; then
  printf '$ %s\n' "$resume" >>transcript
  : >ticks
  sh -c "exec $resume" </dev/null >ticks 2>qemu.log &
  guest=$!
  waited=0
  while [ "$(wc -l <ticks)" -lt 5 ]; do
    [ $waited -lt 300 ] || fail "the guest does not count: $(cat qemu.log)"
    waited=$((waited + 1))
    sleep 0.1
  done
  kill $guest
  wait $guest || true
  head -n 4 ticks | tr -d '\r' >>transcript
  echo '^C' >>transcript
fi

# One <text> for each line of the terminal. Its length is given, so that the columns fit whatever font a browser has.
awk -v columns=$columns '
  function escaped(text) {
    gsub(/&/, "\\&amp;", text); gsub(/</, "\\&lt;", text); gsub(/>/, "\\&gt;", text)
    return text
  }
  function add(text, class) {
    while (length(text) > columns) {
      line[++count] = substr(text, 1, columns); kind[count] = class
      text = substr(text, columns + 1)
    }
    line[++count] = text; kind[count] = class
  }
  /^\$ / { typed = 1 }
  { add($0, typed ? "typed" : "said"); typed = typed && /\\$/ }
  END {
    char = 7.8; row = 19; left = 18; top = 52
    while (line[count] == "") count--
    width = int(columns * char + 2 * left + 0.5); height = top + count * row + 4
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">\n", \
      width, height, width, height
    print "<title>A run of Stateferry: a saved state is imported, verified, and the guest counts on from it</title>"
    print "<style>"
    print "text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, \"DejaVu Sans Mono\", monospace; white-space: pre }"
    print ".said { fill: #c9d1d9 } .typed { fill: #ffffff; font-weight: bold } .prompt { fill: #56d364; font-weight: bold }"
    print "</style>"
    printf "<rect x=\"0.5\" y=\"0.5\" width=\"%d\" height=\"%d\" rx=\"9\" fill=\"#161b22\" stroke=\"#57606a\"/>\n", \
      width - 1, height - 1
    printf "<circle cx=\"22\" cy=\"20\" r=\"6\" fill=\"#ff5f57\"/><circle cx=\"42\" cy=\"20\" r=\"6\" fill=\"#febc2e\"/>"
    print "<circle cx=\"62\" cy=\"20\" r=\"6\" fill=\"#28c840\"/>"
    for (i = 1; i <= count; i++) {
      text = line[i]
      if (text == "") continue
      at = left
      y = top + (i - 1) * row
      if (kind[i] == "typed" && substr(text, 1, 2) == "$ ") {
        printf "<text class=\"prompt\" x=\"%.1f\" y=\"%d\">$</text>\n", at, y
        text = substr(text, 3); at += 2 * char
      }
      match(text, /^ */) # blanks at the beginning are not kept by every renderer
      at += RLENGTH * char; text = substr(text, RLENGTH + 1)
      printf "<text class=\"%s\" x=\"%.1f\" y=\"%d\" xml:space=\"preserve\" textLength=\"%.1f\" lengthAdjust=\"spacingAndGlyphs\">%s</text>\n", \
        kind[i], at, y, length(text) * char, escaped(text)
    }
    print "</svg>"
  }' transcript >"$root/src/docs/run.svg"
