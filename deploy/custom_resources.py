"""The custom resources that the manifests use, with the fields that they may have: no schema of them is at hand.

What is listed is what is used, by the operators' own references; a field that comes to be used is added here, by them.
"""

from typing import Any

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_WHOLE: Schema = {"type": "integer", "minimum": 0}


def _fields(required: str = "", /, **fields: Schema) -> Schema:
    """An object of these fields and no others."""
    return {
        "type": "object",
        "properties": fields,
        "required": required.split(),
        "additionalProperties": False,
    }


def _list(of: Schema) -> Schema:
    return {"type": "array", "items": of, "minItems": 1}


def _texts() -> Schema:
    return {"type": "object", "additionalProperties": _TEXT}


def _custom(api_version: str, kind: str, spec: Schema) -> tuple[tuple[str, str], Schema]:
    schema = _fields(
        "apiVersion kind metadata spec",
        apiVersion={"const": api_version},
        kind={"const": kind},
        metadata=_fields("name", name=_TEXT, namespace=_TEXT, labels=_texts(), annotations=_texts()),
        spec=spec,
    )
    return (api_version, kind), schema


_LABEL = _fields(
    "key operator", key=_TEXT, operator={"enum": ["In", "NotIn", "Exists", "DoesNotExist"]}, values=_list(_TEXT)
)
_SELECTOR = _fields(matchLabels=_texts(), matchExpressions=_list(_LABEL))
_RELABELING = _fields(sourceLabels=_list(_TEXT), targetLabel=_TEXT, regex=_TEXT, replacement=_TEXT, action=_TEXT)
_END_POINT = _fields("port", port=_TEXT, path=_TEXT, interval=_TEXT, relabelings=_list(_RELABELING))
# A rule is an alert or a recording.
_RULE = _fields("alert expr", alert=_TEXT, expr=_TEXT, labels=_texts(), annotations=_texts(), **{"for": _TEXT})
_POLICY = _fields("type value periodSeconds", type={"enum": ["Pods", "Percent"]}, value=_WHOLE, periodSeconds=_WHOLE)
_SCALING = _fields(stabilizationWindowSeconds=_WHOLE, policies=_list(_POLICY))
_BEHAVIOR = _fields(scaleDown=_SCALING, scaleUp=_SCALING)
# A trigger's values are text, also its numbers.
_PROMETHEUS = _fields(
    "type metadata",
    type={"const": "prometheus"},
    metadata=_fields("serverAddress query threshold", serverAddress=_TEXT, query=_TEXT, threshold=_TEXT),
)
_CPU = _fields(
    "type metricType metadata",
    type={"const": "cpu"},
    metricType={"enum": ["Utilization", "AverageValue"]},
    metadata=_fields("value", value=_TEXT),
)

CUSTOM = dict(
    [
        _custom(
            "monitoring.coreos.com/v1",
            "PodMonitor",
            _fields("selector podMetricsEndpoints", selector=_SELECTOR, podMetricsEndpoints=_list(_END_POINT)),
        ),
        _custom(
            "monitoring.coreos.com/v1",
            "PrometheusRule",
            _fields("groups", groups=_list(_fields("name rules", name=_TEXT, rules=_list(_RULE)))),
        ),
        _custom(
            "keda.sh/v1alpha1",
            "ScaledObject",
            _fields(
                "scaleTargetRef triggers",
                scaleTargetRef=_fields("name", name=_TEXT, kind=_TEXT, apiVersion=_TEXT),
                minReplicaCount=_WHOLE,
                maxReplicaCount=_WHOLE,
                advanced=_fields(horizontalPodAutoscalerConfig=_fields(behavior=_BEHAVIOR)),
                triggers=_list({"oneOf": [_PROMETHEUS, _CPU]}),
            ),
        ),
    ]
)
