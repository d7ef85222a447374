#!/bin/sh
# Runs every tests/*.test.sh and prints TAP; exits 1 when something does not hold.
cd "$(dirname "$0")/.." || exit 1
number=0
failed=0
# holds TEXT COMMAND…: one test, passed when the command succeeds.
holds() {
  text=$1
  shift
  number=$((number + 1))
  if "$@" >/dev/null 2>&1; then
    echo "ok $number - $text"
  else
    echo "not ok $number - $text"
    failed=$((failed + 1))
  fi
}
# prints WANTED COMMAND…: one test, passed when the command prints just that.
prints() {
  wanted=$1
  shift
  number=$((number + 1))
  got=$("$@" 2>&1)
  if [ "$got" = "$wanted" ]; then
    echo "ok $number - $* is $wanted"
  else
    echo "not ok $number - $* is $wanted"
    echo "# got: $got"
    failed=$((failed + 1))
  fi
}
echo "TAP version 13"
for file in tests/*.test.sh; do
  . "./$file"
done
echo "1..$number"
[ "$failed" -eq 0 ]
