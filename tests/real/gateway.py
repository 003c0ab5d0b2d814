"""A broker gateway that knows nothing of our code: written from the protocol's JSON Schema alone.

It fills every sound order at the price it names. What the broker holds outlives it in BROKER; what it replied to orders
outlives it only with --memory. A request that breaks the schema, or an order that is not signed, is refused and told on
standard output as a line `violation: …`. Needs pyzmq and jsonschema.
"""

import argparse
import hashlib
import hmac
import json
import os
import pathlib
import time
import uuid

import jsonschema
import zmq

SIGNATURE_MS = 5_000
LOT = 100_000


class Refused(Exception):
    def __init__(self, status, code, words):
        super().__init__(words)
        self.reply = {"status": status, "error_code": code, "error_msg": words}


class Gateway:
    def __init__(self, options):
        schema = json.loads(options.schema.read_text())
        defined = lambda name: jsonschema.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": schema["$defs"]})
        self.request, self.reply = defined("request"), defined("reply")
        self.key = options.key.read_bytes().strip()
        self.broker_file, self.memory_file = options.broker, options.memory
        self.die_after = options.die_after
        self.orders = 0
        self.broker = kept(options.broker) or {"balance": 10_000.0, "next_ticket": 1, "positions": []}
        self.memory = kept(options.memory) or {"session": str(uuid.uuid4()), "replies": {}}

    def handle(self, message):
        try:
            request = json.loads(message)
        except ValueError:
            print("violation: not JSON", flush=True)
            return {"uuid": None, **Refused("error", "INVALID_JSON", "not JSON").reply}
        try:
            broken = jsonschema.exceptions.best_match(self.request.iter_errors(request))
            if broken:
                raise Refused("error", "INVALID_JSON", broken.message)
            answer = self.answer(request)
        except Refused as no:
            answer = no.reply
            if answer["error_code"] in ("INVALID_JSON", "RISK_SIGNATURE_INVALID"):
                print(f"violation: {answer['error_msg']} in {request}", flush=True)
        answer = {**answer, "uuid": request.get("uuid")}
        self.reply.validate(answer)
        return answer

    def answer(self, request):
        now = time.time()
        match request["action"]:
            case "PING":
                lag = (now - request["timestamp"]) * 1_000
                session = self.memory["session"]
                return {"status": "ok", "server_time": now, "latency_ms": lag, "gateway_session": session}
            case "OPEN" | "CLOSE" as action:
                return self.once(request, self.open if action == "OPEN" else self.close)
            case "GET_ORDER":
                asked = request["order_uuid"]
                first = self.memory["replies"].get(asked, {"status": "NOT_FOUND"})
                return {**first, "order_uuid": asked}
            case "GET_ACCOUNT":
                balance = self.broker["balance"]
                sums = {"balance": balance, "equity": balance, "margin": 0, "free_margin": balance, "margin_level": 0}
                return {"status": "ok", **sums, "currency": "USD", "timestamp": now}
            case "GET_POSITIONS":
                wanted = request.get("symbol")
                held = [one for one in self.broker["positions"] if wanted in (None, one["symbol"])]
                return {"status": "ok", "positions": held, "timestamp": now}
        raise Refused("error", "UNKNOWN_ACTION", request["action"])

    def once(self, order, carry_out):
        """An order that comes again gets its first reply, and is not carried out again."""
        known = self.memory["replies"].get(order["uuid"])
        if known:
            return known
        reply = carry_out(order)
        self.memory["replies"][order["uuid"]] = reply
        keep(self.broker_file, self.broker)
        keep(self.memory_file, self.memory)
        self.orders += 1
        print(f"order: {order['action']} {order['uuid']}", flush=True)
        if self.orders == self.die_after:
            os._exit(9)
        return reply

    def open(self, order):
        self.check_signature(order)
        ticket = self.broker["next_ticket"]
        self.broker["next_ticket"] += 1
        price = order["price"]
        terms = {name: order[name] for name in ("symbol", "type", "volume")}
        self.broker["positions"].append(
            {"ticket": ticket, **terms, "open_price": price, "current_price": price, "profit": 0.0}
        )
        return {"status": "FILLED", "ticket": ticket, "price": price, "volume": order["volume"], "retcode": 10009}

    def close(self, order):
        held = {one["ticket"]: one for one in self.broker["positions"]}
        position = held.pop(order["ticket"], None)
        if position is None:
            raise Refused("error", "MT5_CLOSE_FAILED", "no such ticket")
        price = order.get("price", position["current_price"])
        gain = price - position["open_price"]
        profit = (gain if position["type"] == "BUY" else -gain) * position["volume"] * LOT
        self.broker["positions"] = list(held.values())
        self.broker["balance"] += profit
        return {"status": "FILLED", "ticket": order["ticket"], "close_price": price, "profit": profit}

    def check_signature(self, order):
        terms = {name: order[name] for name in ("price", "sl", "symbol", "tp", "type", "volume")}
        text = json.dumps(terms, separators=(",", ":"), sort_keys=True)
        digits = hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()[:16]
        _, signed, made = order.get("risk_signature", "::0").split(":")
        age = time.time() * 1_000 - int(made)
        if not hmac.compare_digest(signed, digits) or abs(age) > SIGNATURE_MS:
            raise Refused("REJECTED", "RISK_SIGNATURE_INVALID", f"signature of {text}, {age:.0f} ms old")


def kept(path):
    return json.loads(path.read_text()) if path and path.exists() else None


def keep(path, what):
    if path:
        path.write_text(json.dumps(what))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--schema", type=pathlib.Path, required=True)
    options.add_argument("--key", type=pathlib.Path, required=True)
    options.add_argument("--broker", type=pathlib.Path, required=True)
    options.add_argument("--memory", type=pathlib.Path)
    options.add_argument("--bind", default="tcp://127.0.0.1:*")
    options.add_argument("--die-after", type=int, help="die after so many orders, before the reply to the last")
    options = options.parse_args()
    gateway = Gateway(options)
    socket = zmq.Context().socket(zmq.REP)
    socket.bind(options.bind)
    print("gateway", socket.getsockopt_string(zmq.LAST_ENDPOINT), flush=True)
    while True:
        socket.send(json.dumps(gateway.handle(socket.recv())).encode())


if __name__ == "__main__":
    main()
