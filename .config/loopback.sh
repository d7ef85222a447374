#!/bin/sh
# Runs a test where nothing but loopback can be reached, as far as the machine allows; MISSION_TEST_NETWORK tells the test how it is.
export MISSION_TEST_NETWORK=loopback
up='ip link set lo up'
if [ "$(id -u)" = 0 ] && unshare --net sh -c "$up" 2>/dev/null; then
    exec unshare --net sh -c "$up && exec \"\$@\"" sh "$@"
fi
# Without root a namespace of users is needed first; a second one gives the test its own user back.
own="unshare --user --map-user=$(id -u) --map-group=$(id -g)"
if unshare --user --map-root-user --net sh -c "$up && $own true" 2>/dev/null; then
    exec unshare --user --map-root-user --net sh -c "$up && exec $own \"\$@\"" sh "$@"
fi
echo 'this machine allows no network namespace: the test runs with its network' >&2
MISSION_TEST_NETWORK=open exec "$@"
