"""The admin endpoint, `/admin/v1`: organisers' acts over HTTP, JSON in and out, every error a problem (RFC 9457).

routes       the one table: what there is, who may, what it takes and answers; the door and openapi.json follow it
door         the blueprint: token, body, transaction, Idempotency-Key, answer
asking       reads what stands in a request
acts         what a request makes the service do
views        what is answered, as JSON; the delivery report also as a table
problems     what is answered when it is not done
openapi      the description of all this (OpenAPI 3.1), made of the table and of schemas

app.register_blueprint(admin.blueprint(desk))
"""

from __future__ import annotations

from actors.admin.door import blueprint

__all__ = ["blueprint"]
