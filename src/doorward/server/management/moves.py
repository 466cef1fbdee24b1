"""Routes that move a credential from state to state: `POST /…/{id}/disable`, alike for every kind."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Generic, NamedTuple, Protocol, TypeVar

from fastapi import APIRouter, Depends, Path, Request, Response

from doorward.frameworks.fastapi import Door
from doorward.server.management.asking import Asking
from doorward.server.management.models import KeyAction
from doorward.server.management.reach import Reach
from doorward.server.management.shapes import CredentialView
from doorward.values import Actor, CredentialId, Principal

__all__ = ["Move", "add_moves"]

_RecordT = TypeVar("_RecordT")
_MovedT_co = TypeVar("_MovedT_co", covariant=True)


class Operation(Protocol[_MovedT_co]):
    """What moves one."""

    def __call__(self, store: Reach, key_id: CredentialId, /, *, reason: str, actor: Actor) -> Awaitable[_MovedT_co]:
        """The record in its new state."""
        ...


class Move(NamedTuple, Generic[_RecordT]):
    """One route. `empowering`: whether it hands out power, so that it takes all the power the credential has."""

    name: str
    operation: Operation[_RecordT]
    empowering: bool
    description: str


def add_moves(
    router: APIRouter,
    writer: Door,
    asking: Asking,
    moves: tuple[Move[_RecordT], ...],
    *,
    path: str,
    noun: str,
    parse_id: Callable[[str], CredentialId],
    show: Callable[[Response, _RecordT], CredentialView],
    view: type[CredentialView],
) -> None:
    """Add them.

    Args:
        router: where to.
        writer: the door before all of them.
        asking: of the API.
        moves: one a route.
        path: of the list: `/keys`.
        noun: what the parameter of the path and the names of the operations are made of: `key`.
        parse_id: reads that parameter.
        show: makes the answer.
        view: what it is, for the description.
    """
    parameter = f"{noun}_id"

    def bind(one: Move[_RecordT]) -> Callable[..., Awaitable[CredentialView]]:
        async def move(
            request: Request,
            response: Response,
            principal: Annotated[Principal, Depends(writer)],
            presented_id: Annotated[str, Path(alias=parameter)],
            action: KeyAction,
        ) -> CredentialView:
            record = await one.operation(
                asking.reach(request, principal, empowering=one.empowering),
                parse_id(presented_id),
                reason=action.reason,
                actor=asking.actor(request, principal),
            )
            return show(response, record)

        return move

    for one in moves:
        router.add_api_route(
            f"{path}/{{{parameter}}}/{one.name}",
            bind(one),
            methods=["POST"],
            name=f"{one.name}_{noun}",
            description=one.description,
            response_model=view,
        )
