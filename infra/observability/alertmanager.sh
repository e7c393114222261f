#!/bin/sh
# Writes Alertmanager's configuration from the environment and starts it: it reads none itself, and a receiver without an
# address would fail for ever. ALERT_SLACK_URL: a webhook that speaks Slack's form. ALERT_WEBHOOK_URL: gets Alertmanager's own
# JSON, such as an Apprise API's /notify/<key>.
set -eu
umask 077
folder=${ALERTMANAGER_FOLDER:-/tmp}
config=$folder/alertmanager.yml
{
  cat <<YAML
route:
  receiver: operator
  group_by: [alertname]
  group_wait: ${ALERT_GROUP_WAIT:-30s}
YAML
  cat <<'YAML'
  group_interval: 5m
  repeat_interval: 12h
  routes:
    - matchers: ['severity="page"']
      receiver: operator
      repeat_interval: 2h
inhibit_rules:
  # Whoever is away cannot be well in anything else.
  - source_matchers: ['alertname="UnitAway"']
    target_matchers: ['severity="look"']
receivers:
  - name: operator
YAML
  if [ -n "${ALERT_SLACK_URL:-}" ]; then
    printf '%s' "$ALERT_SLACK_URL" > "$folder/slack-url"
    cat <<YAML
    slack_configs:
      - api_url_file: $folder/slack-url
        send_resolved: true
        title: '{{ template "groundswell.title" . }}'
        text: '{{ template "groundswell.text" . }}'
YAML
  fi
  if [ -n "${ALERT_WEBHOOK_URL:-}" ]; then
    cat <<YAML
    webhook_configs:
      - url: '$ALERT_WEBHOOK_URL'
        send_resolved: true
YAML
  fi
  printf 'templates: [%s/message.tmpl]\n' "$(dirname "$0")"
} > "$config"
exec "${ALERTMANAGER:-/bin/alertmanager}" --config.file="$config" --storage.path="${ALERTMANAGER_STORAGE:-/alertmanager}" "$@"
