"""An agent that takes a payment by Twilio's own library: it asks for each field that is still required, and completes.

Prints one line of JSON for each callback, and a last one for how it ended.
"""

import json
import queue
import sys
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qsl

from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client

PATIENCE = 120


def serve(token, told):
    """Serves callbacks; each is put into the queue with whether its signature is right."""

    class Callback(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            form = dict(parse_qsl(body, keep_blank_values=True))
            url = f"http://127.0.0.1:{self.server.server_port}{self.path}"
            signed = RequestValidator(token).validate(url, form, self.headers["x-twilio-signature"])
            told.put({"signed": signed, **form})
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Callback)
    Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/pay"


def say(line):
    print(json.dumps(line), flush=True)


def main():
    api, account, call, token = sys.argv[1:]
    told = queue.Queue()
    callback = serve(token, told)
    client = Client(account, token)
    client.api.base_url = api
    payments = client.calls(call).payments
    try:
        client.calls("CA" + "0" * 32).payments.create(uuid.uuid4().hex, callback, charge_amount=1)
    except TwilioRestException as error:
        say({"stranger": error.status, "code": error.code})
    payment = payments.create(
        idempotency_key=uuid.uuid4().hex,
        status_callback=callback,
        charge_amount=50.00,
        currency="USD",
        payment_method="credit-card",
        security_code=True,
        postal_code="true",
        timeout=10,
        token_type="reusable",
    )
    say({"payment": payment.sid, "call": payment.call_sid})

    def update(**what):
        client.calls(call).payments(payment.sid).update(uuid.uuid4().hex, callback, **what)

    while True:
        news = told.get(timeout=PATIENCE)
        say(news)
        if "Result" in news:
            return 0 if news["Result"] == "success" else 1
        if news.get("PartialResult") == "true":
            continue
        required = [field for field in news["Required"].split(",") if field]
        if required:
            update(capture=required[0])
        else:
            update(status="complete")


if __name__ == "__main__":
    sys.exit(main())
