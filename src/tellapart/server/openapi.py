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
    name, version = _in_path("name"), _in_path("version")
    of_model, of_version = "/v2/models/{name}", "/v2/models/{name}/versions/{version}"
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "tellapart",
            "version": __version__,
            "description": "Predictions of pictures. Where a token is set: Authorization: Bearer TOKEN.",
        },
        "paths": {
            "/": _get("The page for people.", "text/html", {"type": "string"}),
            "/predict": _predict([]),
            "/models/{name}/predict": _predict([name]),
            "/explain": _explain([]),
            "/models/{name}/explain": _explain([name]),
            "/models": _get("All models.", "application/json", {"type": "object"}),
            "/models/{name}": _get(
                "One model.", "application/json", {"$ref": "#/components/schemas/Model"}, [name]
            ),
            "/healthz": _get("Whether the server runs.", "application/json", {"type": "object"}),
            "/healthz/live": _get("Whether the server runs.", "application/json", {"type": "object"}),
            "/healthz/ready": _get(
                "Whether it accepts pictures.", "application/json", {"type": "object"}, refused=("503",)
            ),
            "/metrics": _get("Figures for Prometheus.", "text/plain", {"type": "string"}),
            "/openapi.json": _get("This document.", "application/json", {"type": "object"}),
            "/v2": _tensors_get("The server.", []),
            "/v2/health/live": _tensors_get("Whether the server runs.", []),
            "/v2/health/ready": _tensors_get("Whether all models are loaded.", []),
            **{
                f"{path}{ending}": operation(names)
                for path, names in ((of_model, [name]), (of_version, [name, version]))
                for ending, operation in (
                    ("", lambda names: _tensors_get("A model's tensors.", names)),
                    ("/ready", lambda names: _tensors_get("Whether a model is loaded.", names)),
                    ("/infer", _infer),
                )
            },
        },
        "components": {
            "schemas": {
                "Prediction": _PREDICTION,
                "Predictions": _PREDICTIONS,
                "Model": _MODEL,
                "Error": _ERROR,
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


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
    kind: str,
    schema: dict[str, Any],
    parameters: list[dict[str, Any]] | None = None,
    refused: tuple[str, ...] = (),
) -> dict[str, Any]:
    statuses = ("400", "401", "403", "404", "429", *refused)
    refusals = {status: _REFUSALS[status] for status in statuses}
    return {
        "get": {
            "summary": summary,
            "parameters": parameters or [],
            "responses": _responses(kind, schema, refusals),
        }
    }


def _tensors_get(summary: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    return _get(summary, "application/json", _TENSORS, parameters, ("503",))


def _responses(kind: str, schema: dict[str, Any], refusals: dict[str, str]) -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {
        "200": {"description": "Done.", "content": {kind: {"schema": schema}}},
        **{status: {"description": words, "content": error} for status, words in refusals.items()},
    }


def _in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
