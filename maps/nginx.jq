# nginx's access log, in the format that docs/maps.md gives. A body that isn't whole in the log, because nginx had it in a file
# or the client broke off, is withheld.

# nginx writes what isn't there as an empty text.
def given: if . == "" then null else . end;

# What the API answered, if nginx gave the client something else; one status for each server that it tried.
def answers: [.upstream_status // "" | scan("[0-9]{3}") | tonumber];

select(.method | test("^(GET|HEAD|OPTIONS)$") | not)
| answers as $answers
| (.content_length | given) as $length
| {
    method,
    path: .uri,
    status: ($answers | last // null),
    error_code: (.error_code | given),
    correlation_id: (.correlation_id | given),
    idempotency_key: (.idempotency_key | given),
    headers: {"content-type": (.content_type | given)},
    tries: ([$answers | length, 1] | max),
    failed_at: .time
  }
  + if $answers == [] then {status} else {} end
  + if $length != null and ($length | tonumber) != (.body | utf8bytelength) then {event: .} else {body} end
