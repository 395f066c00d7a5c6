# pino, with its serializer for `err`. A line about an attempt has `method`, `path`, `body` and `statusCode`.

def time: if type == "number" then . / 1000 | todate else . end;

# Node's own error codes and names say what happened; a TypeError of fetch says it in its message.
def code: (.code | strings) // (.name // .type | strings | select(. != "TypeError" and . != "Error"));

select(.method != null and .path != null)
| select(.method | test("^(GET|HEAD|OPTIONS)$") | not)
| {
    method,
    path,
    body,
    status: .statusCode,
    error_code: (.err // {} | code // null),
    error_message: .err.message,
    error_details: .err.details,
    correlation_id: .correlationId,
    idempotency_key: .idempotencyKey,
    tries: .attempt,
    failed_at: (.time | time)
  }
