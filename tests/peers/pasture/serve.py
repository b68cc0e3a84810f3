"""fediverse-pasture's verify_actor as a server on loopback TLS, in the environment that tests/peers/setup.sh makes.

    SSL_CERT_FILE=ca.pem python serve.py '{"host": "pasture.test", "address": "127.0.0.9", "port": 4443, "chain": …,
                                           "private": …, "names": {"fund.test": "127.0.0.8"}}'

Its own command line listens on all interfaces, so its app is mounted here. It keeps its keys and a cache in the folder
it runs in, and prints "ready" once it listens. Besides its own routes (`/?actor_uri=`, its actors) there is `POST
/<actor>/follow?object=`: that actor of it follows ours; what came to its inboxes, signatures verified by it, is at
`GET /said`.
"""

import asyncio
import json
import socket
import sys
from functools import partial

import aiohttp
import aiohttp.connector
from fediverse_pasture import verify_actor
from fediverse_pasture.data_provider import DataProvider, bovine_actor_for_actor_data
from fediverse_pasture.server import BlueprintForActors
from hypercorn.asyncio import serve
from hypercorn.config import Config
from quart import request

what = json.loads(sys.argv[1])
domain = f"{what['host']}:{what['port']}"
system_getaddrinfo = socket.getaddrinfo


def getaddrinfo(host, *more, **how):
    """Know the names of this test; everything else is nobody's business."""
    if host not in what["names"]:
        raise socket.gaierror(socket.EAI_NONAME, "only names of the test are known")
    return system_getaddrinfo(what["names"][host], *more, **how)


socket.getaddrinfo = getaddrinfo
aiohttp.connector.DefaultResolver = aiohttp.ThreadedResolver  # the other one asks name servers past getaddrinfo

said = []
something_was_said = asyncio.Event()


async def on_inbox(activity):
    """Keep what came in; requests it does not believe never come here."""
    said.append(activity)
    something_was_said.set()


verify_actor.BlueprintForActors = partial(BlueprintForActors, on_inbox=on_inbox)
app = verify_actor.build_app(False, domain, True, 20)
data = DataProvider.load()
actors = {actor.actor_name: actor for actor in [*data.possible_actors, data.one_actor]}


@app.get("/said")
async def what_was_said():
    """Everything that came to the inboxes, in order; waits for the first."""
    await asyncio.wait_for(something_was_said.wait(), 15)
    return said


@app.post("/<name>/follow")
async def follow(name):
    """Follow `object`: fetch the actor, and post a signed Follow to its inbox."""
    actor_id, other = f"https://{domain}/{name}", request.args["object"]
    async with aiohttp.ClientSession() as session:
        actor, _ = bovine_actor_for_actor_data(actor_id, actors[name])
        await actor.init(session=session)
        document = await actor.get(other)
        activity = {
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": f"{actor_id}/follows/1",
            "type": "Follow",
            "actor": actor_id,
            "object": other,
        }
        answer = await actor.post(document["inbox"], activity)
        return {"status": answer.status}


async def main():
    config = Config()
    listener = socket.create_server((what["address"], what["port"]))
    config.bind = [f"fd://{listener.detach()}"]
    config.certfile, config.keyfile = what["chain"], what["private"]
    config.alpn_protocols = ["http/1.1"]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await serve(app, config, shutdown_trigger=asyncio.Event().wait)


asyncio.run(main())
