# structlog with JSONRenderer. A line about an attempt has `method`, `path`, `body` and `status_code`; without `path` and `body`
# it is evidence only, under the key `event_id`.

# The name of the exception that a traceback ends with.
def exception:
  [(.exception // "" | strings | split("\n"))[] | capture("^(?<name>[A-Za-z_][A-Za-z0-9_.]*)(: |$)").name | split(".") | last
   | select(test("Error$|Exception$|Timeout$|Refused$|Reset$"))] | last;

def answer: {
  status: .status_code,
  error_code: (.error_code // exception),
  error_message,
  error_details,
  correlation_id,
  idempotency_key,
  event_id,
  tries: .attempt,
  failed_at: .timestamp
};

if .method != null and .path != null then
  select(.method | test("^(GET|HEAD|OPTIONS)$") | not) | {method, path, body} + answer
elif (.event | strings | test("write_failed$")) then
  {event: .} + answer
elif (.event | strings | test("written$")) then
  {event: .} + answer + {status: (.status_code // 200)}
else
  empty
end
