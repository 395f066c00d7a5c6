# logback with logstash-logback-encoder. A line about an attempt has `method`, `path`, `body` and `status` as structured
# arguments.

# The name of the exception that a stack trace begins with.
def exception:
  [.stack_trace // "" | strings | capture("^(?<name>[A-Za-z0-9_.$]+)").name | split(".") | last
   | select(test("Exception$|Error$") and (test("ApiException$") | not))] | first;

select(.method != null and .path != null)
| select(.method | test("^(GET|HEAD|OPTIONS)$") | not)
| {
    method,
    path,
    body,
    status,
    error_code: (.errorCode // exception // null),
    error_message: .errorMessage,
    correlation_id: .correlationId,
    idempotency_key: .idempotencyKey,
    tries: .attempt,
    failed_at: .["@timestamp"]
  }
