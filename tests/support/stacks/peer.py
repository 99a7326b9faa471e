"""What the programs in Python have in common: a WHIP or WHEP session, counters that are printed, and orders.

A program is started with its options as JSON, prints its counters as a line of JSON five times a second, and takes
orders from its standard input, a line each."""
import json
import sys
import threading
import time
import urllib.request
from urllib.parse import urljoin

OPTIONS = json.loads(sys.argv[1])
counters = {"state": "new", "pictures": 0, "readable": 0, "backwards": 0, "first": None, "last": None, "sounds": 0, "loudest": 0}
_print = threading.Lock()


def report():
    with _print:
        print(json.dumps(counters), flush=True)


def report_regularly():
    while True:
        report()
        time.sleep(0.2)


def start_reporting():
    threading.Thread(target=report_regularly, daemon=True).start()


def saw(number):
    """A picture was decoded; its number, or None."""
    counters["pictures"] += 1
    if number is None:
        return
    counters["readable"] += 1
    if counters["last"] is not None and number <= counters["last"]:
        counters["backwards"] += 1
    if counters["first"] is None:
        counters["first"] = number
    counters["last"] = number


class Session:
    def __init__(self):
        self.location = None

    def _send(self, method, url, body=None, kind=None):
        headers = {"authorization": f"Bearer {OPTIONS['token']}"}
        if kind:
            headers["content-type"] = kind
        request = urllib.request.Request(url, body and body.encode(), headers, method=method)
        with urllib.request.urlopen(request, timeout=15) as response:
            return response.headers, response.read().decode()

    def offer(self, sdp):
        headers, answer = self._send("POST", OPTIONS["url"], sdp, "application/sdp")
        self.location = urljoin(OPTIONS["url"], headers["location"])
        counters["location"] = self.location
        counters["broadcast"] = headers["link"].split("broadcasts/")[1].split(">")[0]
        return answer

    def delete(self):
        self._send("DELETE", self.location)
