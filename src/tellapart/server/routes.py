"""The routes of tellapart's own: predictions, explanations, models, health, figures."""

from typing import cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tellapart.errors import PictureError
from tellapart.server.answers import in_json, predicted, top_of
from tellapart.server.metrics import KIND
from tellapart.server.openapi import document
from tellapart.server.page import page
from tellapart.server.pictures_in import SentPicture, sent_pictures
from tellapart.server.served_model import ServedModel
from tellapart.server.service import Service
from tellapart.web.json_response import AsciiJSONResponse


def service_of(request: Request) -> Service:
    """Return the server's service."""
    return cast(Service, request.app.state.service)


def model_of(request: Request) -> ServedModel:
    """Return the model that a request's path names, or the default one."""
    return service_of(request).models.named(request.path_params.get("name"))


async def predict(request: Request) -> Response:
    """Answer the pictures of a request."""
    service, top = service_of(request), top_of(request.query_params.get("top"))
    model = model_of(request)
    async with service.received(request) as body:
        pictures = _pictures(request, body, service.limits.pictures)
        with service.places.taken_for(len(pictures)):
            results = await predicted(model, pictures, top)
    none_read = all(isinstance(result, PictureError) for result in results)
    return AsciiJSONResponse(in_json(model, pictures, results), 422 if none_read else 200)


async def explain(request: Request) -> Response:
    """Answer one picture with the page that explains its prediction."""
    service, model = service_of(request), model_of(request)
    service.explanations.refuse_if_full()
    async with service.received(request) as body:
        (picture,) = _pictures(request, body, 1)
        with service.explaining():
            try:
                return HTMLResponse(await model.explain(picture))
            except PictureError as reason:
                raise HTTPException(422, str(reason)) from reason


async def correct(request: Request) -> Response:
    """Keep one picture with what it shows, for training."""
    service, model = service_of(request), model_of(request)
    async with service.received(request) as body:
        (picture,) = _pictures(request, body, 1)
        with service.places.taken_for(1):
            try:
                kept = await service.keep_correction(model, picture, request.query_params.get("label", ""))
            except PictureError as reason:
                raise HTTPException(422, str(reason)) from reason
    return AsciiJSONResponse({"kept": kept})


def _pictures(request: Request, body: bytes, most: int) -> list[SentPicture]:
    pictures = sent_pictures(request.headers.get("content-type", ""), body, most)
    name = request.query_params.get("name")
    return [SentPicture(name, pictures[0].content)] if name and len(pictures) == 1 else pictures


async def models(request: Request) -> Response:
    """List the models."""
    served = service_of(request).models
    return AsciiJSONResponse({"models": [described(served.named(name)) for name in served.names]})


async def model(request: Request) -> Response:
    """Describe one model."""
    return AsciiJSONResponse(described(model_of(request)))


def described(model: ServedModel) -> dict[str, object]:
    """Return what a model is, as plain values."""
    card = model.card
    return {
        "name": model.name,
        "version": model.version,
        "classes": list(card.class_names),
        "several_labels": card.multi_label,
        "picture": list(card.preprocessing.shape),
        "tells_unfamiliar": card.novelty is not None and card.novelty.limit is not None,
    }


async def live(_: Request) -> Response:
    """Say that the server runs."""
    return AsciiJSONResponse({"live": True})


async def ready(request: Request) -> Response:
    """Say whether the server accepts pictures."""
    is_ready = service_of(request).is_ready
    return AsciiJSONResponse({"ready": is_ready}, 200 if is_ready else 503)


async def metrics(request: Request) -> Response:
    """Return the figures for Prometheus."""
    return Response(service_of(request).metrics.text(), media_type=KIND)


async def openapi(_: Request) -> Response:
    """Return the OpenAPI document."""
    return AsciiJSONResponse(document())


async def index(request: Request) -> Response:
    """Return the page for people."""
    return HTMLResponse(_page_of(request))


def _page_of(request: Request) -> str:
    service = service_of(request)
    keeps = service.corrections is not None
    return page(service.models, needs_token=request.app.state.needs_token, keeps_corrections=keeps)


ROUTES = [
    Route("/", index),
    Route("/predict", predict, methods=["POST"]),
    Route("/explain", explain, methods=["POST"]),
    Route("/correct", correct, methods=["POST"]),
    Route("/models", models),
    Route("/models/{name}", model),
    Route("/models/{name}/predict", predict, methods=["POST"]),
    Route("/models/{name}/explain", explain, methods=["POST"]),
    Route("/models/{name}/correct", correct, methods=["POST"]),
    Route("/healthz", live),
    Route("/healthz/live", live),
    Route("/healthz/ready", ready),
    Route("/metrics", metrics),
    Route("/openapi.json", openapi),
]
