# zap's production encoder. A line about an attempt has `method`, `path`, `body` and `status`.

def time: if type == "number" then todate else . end;

select(.method != null and .path != null)
| select(.method | test("^(GET|HEAD|OPTIONS)$") | not)
| {
    method,
    path,
    body,
    status,
    error_code,
    error_message: .error,
    correlation_id,
    idempotency_key,
    tries: .attempt,
    failed_at: (.ts | time)
  }
