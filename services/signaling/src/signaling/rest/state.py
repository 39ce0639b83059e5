"""What the routes have at hand."""

from typing import Annotated

from fastapi import Depends, Query
from starlette.requests import Request

from .operator import Operator


def _operator(request: Request) -> Operator:
    operator: Operator = request.app.state.operator
    return operator


AnOperator = Annotated[Operator, Depends(_operator)]
Limit = Annotated[int, Query(ge=1, le=100, description="How many at most.")]
After = Annotated[str, Query(max_length=64, pattern=r"^[a-z0-9\-]*$", description="`next` of the page before.")]
