"""The OpenAPI document, written by hand: what the routes take and return."""

from typing import Any

from tellapart import __version__

_FILE = {"type": "string", "format": "binary"}
_ERROR = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
_PREDICTION = {
    "type": "object",
    "required": ["picture"],
    "properties": {
        "picture": {"type": "string"},
        "predicted": {
            "description": "The likeliest class; of a model of several labels those that the picture is given.",
            "oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
        },
        "group": {"type": ["string", "null"], "description": "The everyday thing, such as dog."},
        "group_probability": {"type": ["number", "null"]},
        "group_class": {"type": ["string", "null"]},
        "familiar": {
            "type": ["boolean", "null"],
            "description": "false: unlike the training pictures, so it probably shows none of the classes.",
        },
        "novelty": {"type": ["number", "null"]},
        "novelty_limit": {"type": ["number", "null"]},
        "probabilities": {
            "type": "object",
            "description": "Class -> probability, the likeliest first.",
            "additionalProperties": {"type": "number"},
        },
        "note": {"type": "string"},
        "error": {
            "type": "string",
            "description": "In place of all else: why the picture could not be read.",
        },
    },
}
_PREDICTIONS = {
    "type": "object",
    "required": ["model", "version", "predictions"],
    "properties": {
        "model": {"type": "string"},
        "version": {"type": "string"},
        "predictions": {"type": "array", "items": {"$ref": "#/components/schemas/Prediction"}},
    },
}
_MODEL = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "version": {"type": "string"},
        "classes": {"type": "array", "items": {"type": "string"}},
        "several_labels": {"type": "boolean"},
        "picture": {"type": "array", "items": {"type": "integer"}, "description": "Height, width, channels."},
        "tells_unfamiliar": {"type": "boolean"},
    },
}
_SENT_JSON = {
    "type": "object",
    "description": "One of the two, in base64.",
    "properties": {
        "picture": {"type": "string"},
        "pictures": {
            "type": "array",
            "items": {
                "oneOf": [
                    {"type": "string"},
                    {
                        "type": "object",
                        "required": ["data"],
                        "properties": {"name": {"type": "string"}, "data": {"type": "string"}},
                    },
                ]
            },
        },
    },
}
_TENSORS = {"type": "object", "description": "As the Open Inference Protocol, version 2, has it."}

_REFUSALS = {
    "400": "The request is damaged.",
    "401": "The token is missing or wrong.",
    "403": "A page of another site asked.",
    "404": "There is no such model.",
    "408": "The body took too long.",
    "413": "Too large, or too many pictures.",
    "415": "Another kind of body.",
    "422": "No picture could be read.",
    "429": "Too many requests of this client; see Retry-After.",
    "503": "Busy, or not ready; see Retry-After.",
}


def document() -> dict[str, Any]:
    """Return the document."""
    schemas = {"Prediction": _PREDICTION, "Predictions": _PREDICTIONS, "Model": _MODEL, "Error": _ERROR}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "tellapart",
            "version": __version__,
            "description": "Predictions of pictures. Where a token is set: Authorization: Bearer TOKEN.",
        },
        "paths": {**_own_paths(_in_path("name")), **_protocol_paths(_in_path("name"), _in_path("version"))},
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _own_paths(name: dict[str, Any]) -> dict[str, Any]:
    model = {"$ref": "#/components/schemas/Model"}
    models = {"type": "object", "properties": {"models": {"type": "array", "items": model}}}
    return {
        "/": _get("The page for people.", {"type": "string"}, kind="text/html"),
        "/predict": _predict([]),
        "/models/{name}/predict": _predict([name]),
        "/explain": _explain([]),
        "/models/{name}/explain": _explain([name]),
        "/correct": _correct([]),
        "/models/{name}/correct": _correct([name]),
        "/models": _get("All models.", models, ("503",)),
        "/models/{name}": _get("One model.", model, ("503",), [name]),
        "/healthz": _get("Whether the server runs.", {"type": "object"}),
        "/healthz/live": _get("Whether the server runs.", {"type": "object"}),
        "/healthz/ready": _get("Whether it accepts pictures.", {"type": "object"}, ("503",)),
        "/metrics": _get("Figures for Prometheus.", {"type": "string"}, kind="text/plain"),
        "/openapi.json": _get("This document.", {"type": "object"}),
    }


def _protocol_paths(name: dict[str, Any], version: dict[str, Any]) -> dict[str, Any]:
    paths = {
        "/v2": _get("The server.", _TENSORS),
        "/v2/health/live": _get("Whether the server runs.", _TENSORS),
        "/v2/health/ready": _get("Whether all models are loaded.", _TENSORS, ("503",)),
    }
    model = "/v2/models/{name}"
    for path, names in ((model, [name]), (f"{model}/versions/{{version}}", [name, version])):
        paths[path] = _get("A model's tensors.", _TENSORS, ("503",), names)
        paths[f"{path}/ready"] = _get("Whether a model is loaded.", _TENSORS, ("503",), names)
        paths[f"{path}/infer"] = _infer(names)
    return paths


def _predict(parameters: list[dict[str, Any]]) -> dict[str, Any]:
    top = {
        "name": "top",
        "in": "query",
        "description": "How many classes to name, the likeliest first; or all.",
        "schema": {"type": "string", "pattern": "^([1-9][0-9]{0,5}|all)$", "default": "5"},
    }
    return {
        "post": {
            "summary": "Predict pictures.",
            "parameters": [*parameters, top],
            "requestBody": _pictures(),
            "responses": _responses(
                "application/json", {"$ref": "#/components/schemas/Predictions"}, _REFUSALS
            ),
        }
    }


def _explain(parameters: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "post": {
            "summary": "Explain the prediction of one picture: a page, within seconds.",
            "parameters": parameters,
            "requestBody": _pictures(),
            "responses": _responses("text/html", {"type": "string"}, _REFUSALS),
        }
    }


def _correct(parameters: list[dict[str, Any]]) -> dict[str, Any]:
    label = {"name": "label", "in": "query", "required": True, "schema": {"type": "string"}}
    kept = {"type": "object", "properties": {"kept": {"type": "string"}}}
    return {
        "post": {
            "summary": "Say what one picture shows: it is kept for training, if the server keeps corrections.",
            "parameters": [*parameters, label],
            "requestBody": _pictures(),
            "responses": _responses("application/json", kept, _REFUSALS),
        }
    }


def _infer(parameters: list[dict[str, Any]]) -> dict[str, Any]:
    kinds = {"application/json": {"schema": _TENSORS}, "application/octet-stream": {"schema": _FILE}}
    return {
        "post": {
            "summary": "Predict the pictures of a tensor: UINT8 pixels or BYTES of files.",
            "parameters": parameters,
            "requestBody": {"required": True, "content": kinds},
            "responses": _responses("application/json", _TENSORS, _REFUSALS),
        }
    }


def _pictures() -> dict[str, Any]:
    form = {"type": "object", "properties": {"picture": {"type": "array", "items": _FILE}}}
    kinds = {"multipart/form-data": form, "image/*": _FILE, "application/octet-stream": _FILE}
    content = {kind: {"schema": schema} for kind, schema in kinds.items()}
    return {"required": True, "content": {**content, "application/json": {"schema": _SENT_JSON}}}


def _get(
    summary: str,
    schema: dict[str, Any],
    refused: tuple[str, ...] = (),
    parameters: list[dict[str, Any]] | None = None,
    kind: str = "application/json",
) -> dict[str, Any]:
    refusals = {status: _REFUSALS[status] for status in ("400", "401", "403", "404", "429", *refused)}
    responses = _responses(kind, schema, refusals)
    return {"get": {"summary": summary, "parameters": parameters or [], "responses": responses}}


def _responses(kind: str, schema: dict[str, Any], refusals: dict[str, str]) -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {
        "200": {"description": "Done.", "content": {kind: {"schema": schema}}},
        **{status: {"description": words, "content": error} for status, words in refusals.items()},
    }


def _in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
