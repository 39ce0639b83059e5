"""The REST API: sessions and calls for other services, at `/api/v1`, and at `/rest-api` in the form of WCS.

Any pod answers for any call: what there is stands in KV, and commands go to the agent that has the call.

- `app`: what is served where
- `principal`, `authorization`, `keys`: who may do what
- `problems`: what a caller is told when it cannot be
- `bodies`: how much he may say
- `idempotency`: what is asked twice is done once
- `models`: the bodies, as OpenAPI describes them
- `calls`, `sessions`, `wcs`: the routes; `state`, `examples`: what they have at hand, and what they show
- `operator`, `listing`: what they do on the bus and read in KV
- `counting`: the metric of requests
"""
