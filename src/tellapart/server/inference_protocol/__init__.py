"""The Open Inference Protocol, version 2, as KServe and Triton's clients speak it over HTTP, with binary tensors."""

from tellapart.server.inference_protocol.routes import ROUTES as ROUTES
