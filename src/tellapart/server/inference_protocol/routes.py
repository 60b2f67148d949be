"""The routes of the protocol."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tellapart import __version__
from tellapart.classifier.prediction import Prediction
from tellapart.errors import PictureError
from tellapart.server.answers import predicted
from tellapart.server.inference_protocol.messages import read_request, write_response
from tellapart.server.inference_protocol.tensors import (
    input_metadata,
    output_metadata,
    outputs_of,
    pictures_of,
)
from tellapart.server.routes import service_of
from tellapart.server.served_model import ServedModel
from tellapart.web.json_response import AsciiJSONResponse


async def server_metadata(_: Request) -> Response:
    """Describe the server."""
    return AsciiJSONResponse(
        {"name": "tellapart", "version": __version__, "extensions": ["binary_tensor_data"]}
    )


async def health_live(_: Request) -> Response:
    """Say that the server runs."""
    return AsciiJSONResponse({"live": True})


async def health_ready(request: Request) -> Response:
    """Say whether all models are loaded."""
    is_ready = service_of(request).is_ready
    return AsciiJSONResponse({"ready": is_ready}, 200 if is_ready else 503)


async def model_metadata(request: Request) -> Response:
    """Describe one model's tensors."""
    model = _model_of(request)
    return AsciiJSONResponse(
        {
            "name": model.name,
            "versions": [model.version],
            "platform": "tellapart",
            "inputs": input_metadata(model.card),
            "outputs": output_metadata(model.card),
        }
    )


async def model_ready(request: Request) -> Response:
    """Say whether one model is loaded."""
    model = _model_of(request)
    return AsciiJSONResponse({"name": model.name, "ready": True})


async def infer(request: Request) -> Response:
    """Predict the pictures of one tensor."""
    service, model = service_of(request), _model_of(request)
    async with service.received(request) as body:
        asked = read_request(request.headers, body)
        pictures = pictures_of(asked, service.limits)
        with service.places.taken_for(len(pictures)):
            results = await predicted(model, pictures, None)
    failed = [str(result) for result in results if isinstance(result, PictureError)]
    if failed:
        raise HTTPException(400, " ".join(failed[:5]))
    predictions = [result for result in results if isinstance(result, Prediction)]
    outputs = outputs_of(model.card, predictions, asked.outputs)
    head = {"model_name": model.name, "model_version": model.version, "id": asked.id}
    in_binary = asked.outputs or dict.fromkeys(outputs, asked.in_binary)
    body, headers = write_response({key: value for key, value in head.items() if value}, outputs, in_binary)
    return Response(body, headers=headers)


def _model_of(request: Request) -> ServedModel:
    path = request.path_params
    return service_of(request).models.named(path["name"], path.get("version"))


_MODEL = "/v2/models/{name}"

ROUTES = [
    Route("/v2", server_metadata),
    Route("/v2/health/live", health_live),
    Route("/v2/health/ready", health_ready),
    *(
        Route(f"{prefix}{path}", endpoint, methods=[method])
        for prefix in (_MODEL, f"{_MODEL}/versions/{{version}}")
        for path, endpoint, method in (
            ("", model_metadata, "GET"),
            ("/ready", model_ready, "GET"),
            ("/infer", infer, "POST"),
        )
    ),
]
