"""A team: processes that train together, on one machine or many. `torchrun` starts them and says which each one is.

Everything they tell each other goes through `torch.distributed`: gloo between processors, nccl between GPUs. All of
them call the same methods in the same order; a process that has gone, or does not answer in time, is an error in all
others, which end, and torchrun starts all of them anew.
"""

import os
import platform
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tellapart.errors import TeamError
from tellapart.runtime.meeting import meet

SECONDS_TO_ANSWER = 60
"""How long a process waits for the others in the middle of a step."""

SECONDS_TO_REMARK = 15
"""After so long without an answer, the first process says so."""

SECONDS_TO_ORDER = 86_400
"""How long a process waits for the first one's next order, and all for each other where they read or compute much."""


class Place(NamedTuple):
    """Which process of a team this is, as torchrun says."""

    rank: int
    size: int
    local_rank: int
    local_size: int


def place_from_environment() -> Place | None:
    """Return this process's place in a team of several; None where it trains alone."""
    try:
        rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    except (KeyError, ValueError):
        return None
    if size < 2 or "MASTER_ADDR" not in os.environ:
        return None
    local_rank = int(os.environ.get("LOCAL_RANK", rank))
    return Place(rank, size, local_rank, int(os.environ.get("LOCAL_WORLD_SIZE", size)))


@dataclass(slots=True)
class Pending:
    """A sum that is being formed."""

    tensor: Tensor
    work: Any
    team: "Team"

    def wait(self) -> Tensor:
        """Return the sum.

        Raises:
            TeamError: another process has gone or does not answer.
        """
        with self.team.together():
            self.work.wait()
        return self.tensor


@dataclass(slots=True)
class Team:
    """The team that this process is in."""

    place: Place
    device: torch.device
    orders: Any
    """The process group in which the first process tells the others what comes next."""

    is_over: bool = False
    """Whether the others have been told that nothing more comes."""

    remark: Callable[[str], None] = lambda _: None
    """Told in a sentence when the others do not answer."""

    waiting_since: float | None = None
    """When this process began to wait for the others, by `time.monotonic`."""

    _groups: dict[tuple[int, ...], Any] = field(default_factory=dict)

    @property
    def rank(self) -> int:
        """This process, 0 to size - 1."""
        return self.place.rank

    @property
    def size(self) -> int:
        """Processes in the team."""
        return self.place.size

    @property
    def leads(self) -> bool:
        """Whether this is the first process, which decides, saves and prints."""
        return self.rank == 0

    @contextmanager
    def together(self) -> Iterator[None]:
        """Say in a sentence when the others cannot be reached within the block.

        Raises:
            TeamError: they cannot.
        """
        self.waiting_since = time.monotonic()
        try:
            yield
        except RuntimeError as reason:
            raise TeamError(_unreachable(self.place, reason)) from reason
        finally:
            self.waiting_since = None

    def remark_silence(self) -> None:
        """Say it once, each time that the others have not answered for a while; for a thread of its own."""
        said_of = None
        while True:
            time.sleep(1)
            since = self.waiting_since
            if since is None or since == said_of or time.monotonic() - since < SECONDS_TO_REMARK:
                continue
            said_of = since
            self.remark(
                f"No answer from the other processes for {SECONDS_TO_REMARK} seconds. Without one after "
                f"{SECONDS_TO_ANSWER}, this process ends."
            )

    def start_sum(self, tensor: Tensor) -> Pending:
        """Begin to replace a tensor, on every process, by the sum of all of theirs."""
        with self.together():
            return Pending(tensor, torch.distributed.all_reduce(tensor, async_op=True), self)

    def summed(self, tensor: Tensor) -> Tensor:
        """Replace a tensor, on every process, by the sum of all of theirs; return it."""
        return self.start_sum(tensor).wait()

    def gathered_rows(self, rows: Tensor, counts: Sequence[int]) -> Tensor:
        """Return the rows of all processes in their order, (sum of counts, ...).

        Args:
            rows: (counts[rank], ...), of this process.
            counts: of each process.
        """
        padded = rows.new_zeros(max(counts), *rows.shape[1:])
        padded[: len(rows)] = rows
        everybody = [torch.empty_like(padded) for _ in counts]
        with self.together():
            torch.distributed.all_gather(everybody, padded)
        return torch.cat([part[:count] for part, count in zip(everybody, counts, strict=True)])

    def wait_for_all(self) -> None:
        """Wait until every process has come here, for as long as reading or computing may take.

        Raises:
            TeamError: one has gone.
        """
        try:
            torch.distributed.barrier(group=self.orders)
        except RuntimeError as reason:
            raise TeamError(_unreachable(self.place, reason)) from reason

    def told(self, value: Any = None) -> Any:
        """Return what the first process passes here, any object that can be pickled, on all of them."""
        box = [value]
        with self.together():
            torch.distributed.broadcast_object_list(box, src=0, group=self.orders)
        return box[0]

    def everybodys(self, value: Any) -> list[Any]:
        """Return what each process passes here, any object that can be pickled."""
        values: list[Any] = [None] * self.size
        with self.together():
            torch.distributed.all_gather_object(values, value, group=self.orders)
        return values

    def hold_alike(self, variables: Sequence[Any]) -> None:
        """Give every process the first one's values of a Keras model's or an optimizer's variables."""
        for variable in variables:
            value = variable.value.detach().contiguous().clone()
            with self.together():
                torch.distributed.broadcast(value, src=0)
            variable.assign(value)

    def sharers(self, ranks: Sequence[int]) -> "Group":
        """Return some processes of the team, of which this is one; all processes of the team ask at the same time.

        Args:
            ranks: a part of `range(size)` of a length that divides it, beginning at a multiple of that length.
        """
        if len(ranks) == self.size:
            return Group(self, None, self.size)
        key = tuple(ranks)
        if key not in self._groups:
            with self.together():
                for first in range(0, self.size, len(key)):  # every process takes part in making every group
                    members = tuple(range(first, first + len(key)))
                    self._groups[members] = torch.distributed.new_group(members, timeout=_answer())
        return Group(self, self._groups[key], len(key))


@dataclass(frozen=True, slots=True)
class Group:
    """Some processes of a team; a `Sharers`."""

    team: Team
    group: Any
    size: int

    def gathered(self, values: Tensor) -> Tensor:
        """Return everybody's (k,) values, (processes, k)."""
        everybody = [torch.empty_like(values) for _ in range(self.size)]
        with self.team.together():
            torch.distributed.all_gather(everybody, values, group=self.group)
        return torch.stack(everybody)

    def summed(self, values: Tensor) -> Tensor:
        """Return the sum of everybody's values."""
        with self.team.together():
            torch.distributed.all_reduce(values, group=self.group)
        return values


_joined: list[Team] = []


def team() -> Team | None:
    """Return the team that this process is in, joining it at the first call; None where it trains alone.

    Raises:
        TeamError: the others cannot be reached.
    """
    place = place_from_environment()
    if place is None:
        return None
    if not _joined:
        _joined.append(_join(place))
    return _joined[0]


def _join(place: Place) -> Team:
    from torch import distributed

    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(place.local_rank)
    try:
        if not distributed.is_initialized():
            store, rank, size = next(distributed.rendezvous("env://", timeout=_answer()))
            name = meet(distributed.PrefixStore("tellapart", store), rank, size, _answer())
            distributed.init_process_group(
                "nccl" if on_gpu else "gloo",
                timeout=_answer(),
                store=distributed.PrefixStore(name, store),
                rank=rank,
                world_size=size,
            )
        orders = distributed.new_group(backend="gloo", timeout=timedelta(seconds=SECONDS_TO_ORDER))
    except RuntimeError as reason:
        raise TeamError(_unreachable(place, reason)) from reason
    device = torch.device("cuda", place.local_rank) if on_gpu else torch.device("cpu")
    joined = Team(place, device, orders)
    if joined.leads:
        threading.Thread(target=joined.remark_silence, name="tellapart silence", daemon=True).start()
    return joined


def _answer() -> timedelta:
    return timedelta(seconds=SECONDS_TO_ANSWER)


def _unreachable(place: Place, reason: Exception) -> str:
    cause = re.sub(r"\[[^\]]*\]:?\S*\s*", "", str(reason).strip().splitlines()[0])
    cause = cause.partition(" This is")[0][:150].strip(" .")
    return (
        f"Process {place.rank} of {place.size} on {platform.node()} can no longer reach the others ({cause}): one of "
        f"them has ended, or the network between them failed. The run goes on from its last checkpoint when all are "
        "started again, as torchrun --max-restarts and tellapart train --processes do, or by --resume."
    )
