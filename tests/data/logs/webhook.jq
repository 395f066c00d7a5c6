# An event whose write failed, as the write that the service would have sent: which of its fields go where, only the service
# itself knows. An event that it makes no write of stays evidence without a body.
if (.event.type | test("^customer[.](created|updated)$")) and .event.data.object.email != null then
  {
    method: "POST",
    path: "records/profiles/upsert",
    body: {record: (.event.data.object | {email, name}), matchKey: "email"},
    idempotency_key: .event.id,
    error_message: .error,
    failure_type: "schema",
    failed_at: (.event.created | todate)
  }
else
  .
end
