#!/bin/sh
# send_alert.sh SUBJECT <LINES: post both to the address in SHOP_ALERT_URL, which is a secret (a webhook's token is in it).
{ echo "$1"; cat; } |
    curl --fail --silent --show-error --max-time 10 --retry 3 --data-binary @- \
        "${SHOP_ALERT_URL:?set SHOP_ALERT_URL, e.g. in /srv/shop/alert.env}"
