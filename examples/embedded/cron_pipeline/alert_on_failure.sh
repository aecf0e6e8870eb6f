#!/bin/sh
# alert_on_failure.sh HOOK COMMAND [ARGUMENT ...]: cron looks at no exit code, so this does, from outside the process:
# a killed one cannot report itself. HOOK gets the subject as its argument and the last lines as its input. 75 is no alert.
hook=$1
shift
output=$(mktemp) || exit 1
trap 'rm -f "$output"' EXIT
"$@" >"$output" 2>&1
code=$?
cat "$output"
case $code in
0 | 75) ;;
*) tail -n 20 "$output" | "$hook" "$* ended with $code" || echo "alert was not sent: $hook" ;;
esac
exit "$code"
