"""The ledger of an agent's steps: intended, done, and after a death of its worker done again or not.

    T1 intend  ->  the question or the call, with the step's key  ->  T2 done, with result and cost

A run that is taken over goes through its steps again from the first. What is done is not done again: its result is
read. A call that was only intended is made with the same key, so that the API gives the answer of the first try, makes
the call if there was none, or says that nobody knows, and then a person looks. A question that was sent to a paid
model is not sent again: its answer is looked for among those kept, and else lost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec

from services.worker.agents.hands import Hands
from services.worker.agents.operations import Known
from services.worker.llm.request import Answer, Reply, Request, essence
from services.worker.pipelines.durable import DurableRun, Parked
from services.worker.pipelines.plain_text import excerpt
from shared.errors import DependencyError, FencedError, GroundswellError, ModelUnavailable
from shared.schemas.problem import Problem
from shared.store import agent_steps as store
from shared.store import notices, run_results
from shared.store.database import Database

#: Asks a language model. Raises ModelUnavailable.
Complete = Callable[[Request], Answer]
#: Numbers that the steps of one agent have: more than it may take (``definition.MOST_STEPS``, and what is gathered).
STEPS_MOST = 200
LOST = "An answer that was paid for was lost when a worker ended; retry_run with from_step asks again."


class Diverged(GroundswellError):
    """The run does not do what it did before: the agent was changed in between."""


class Asked(msgspec.Struct, frozen=True):
    """How a question ended: a reply of ``model``, or why there is none."""

    reply: Reply | None = None
    model: str = ""
    unavailable: str = ""


class Told(msgspec.Struct, frozen=True):
    """How a call ended. ``number`` is its place, such as c3; ``text`` is what is kept under ``reference``."""

    number: str
    text: str
    good: bool


class Used(msgspec.Struct):
    """What a run has used so far, whoever worked on it."""

    steps: int = 0
    tokens: int = 0
    nano_usd: int = 0
    seconds: float = 0.0


class Steps:
    """Those of one claimed run, in the order in which they are asked for; in a pipeline, of one stage of it.

    ``after`` is the number that they come after. Without ``hands`` nothing can be called.
    """

    def __init__(
        self, database: Database, run: DurableRun, hands: Hands | None, complete: Complete, after: int = 0
    ) -> None:
        self._database, self._run, self._hands, self._complete = database, run, hands, complete
        self._id: UUID = run.claimed.run
        rows = [row for row in database.fetch(store.STEPS, {"run": self._id}) if 0 < row.seq - after < STEPS_MOST]
        self._rows = {row.seq: row for row in rows}
        self._seq = self._question = after
        self.used = Used(seconds=sum(row.seconds for row in rows if row.status == "done"))

    def ask(self, request: Request) -> Asked:
        """What a model answers, or answered."""
        shown = {"messages": len(request.messages), "tools": len(request.tools)}
        row, known = self._enter("ask", "Asking a language model", hashlib.sha256(essence(request)).digest(), shown, "")
        self._question = self._seq
        if row is not None and row.status == "done":
            return self._note(row.cost_nano_usd, _asked(row.result))
        if known and self._paid(row):
            request = msgspec.structs.replace(request, only_kept=True)
        cost = 0
        try:
            answer = self._complete(request)
            asked, cost = Asked(answer.reply, answer.model), answer.cost_nano_usd
        except ModelUnavailable as error:
            self._run.check_stopping()
            asked = Asked(unavailable=LOST if request.only_kept else (error.why or error.what)[:1_000])
        stored = _json(asked)
        asked = msgspec.json.decode(stored, type=Asked)  # what a later worker will read
        detail = f"{asked.model} answered" if asked.reply else f"No answer: {asked.unavailable}"[:500]
        self._done({"asked": stored}, detail, cost)
        return self._note(cost, asked)

    def reject(self, why: str) -> None:
        """Write down, with the question asked last, why its answer was not accepted. The first word of it stays."""
        with self._run.held() as transaction:
            transaction.execute(store.REJECT, {"run": self._id, "seq": self._question, "why": _clean(why)[:1_000]})

    def call(self, operation: Known, arguments: dict[str, Any], frame: Callable[[str, bytes], str]) -> Told:
        """What the API answers, or answered; ``frame`` puts the number and an answer into words for the model.

        Raises Parked where a person has to decide first, DependencyError without the API.
        """
        number, row = self._begin(operation, arguments)
        if row is not None and row.status == "done":
            return self._again(number, operation, row.result)
        if row is not None and row.approval is not None and row.decision not in ("granted", "used"):
            if row.decision == "waiting":
                self._wait(row.approval)
            return self._told(number, operation, frame(number, b""), b"", _denied(row.decision))
        if self._hands is None:
            raise GroundswellError(f"Nobody can call {operation.name} here.", why="The agent holds no operation.")
        answered = self._hands.call(operation.name, arguments, self._key)
        problem = answered.problem
        if problem is not None and problem.approval:
            self._wait(problem.approval)
        if problem is not None and problem.unknown:
            self._need_human(operation.name)
        return self._told(number, operation, frame(number, answered.body), answered.body, problem)

    def here(
        self, tool: Known, arguments: dict[str, Any], perform: Callable[[], bytes], frame: Callable[[str, bytes], str]
    ) -> Told:
        """What ``perform`` gives, or gave: work of this process that changes nothing, so that it may be done again."""
        number, row = self._begin(tool, arguments)
        if row is not None and row.status == "done":
            return self._again(number, tool, row.result)
        body, problem = b"", None
        try:
            body = perform()
        except DependencyError as error:
            problem = Problem(status=error.status, what=error.what, why=error.why, do=error.do)
        return self._told(number, tool, frame(number, body), body, problem)

    # --- the ledger ---------------------------------------------------------------------------------------

    def _begin(self, operation: Known, arguments: dict[str, Any]) -> tuple[str, store.StepRow | None]:
        said = operation.name.encode() + b"\0" + msgspec.json.encode(arguments, order="sorted")
        row, _ = self._enter(
            "call", f"Calling {operation.name}", hashlib.sha256(said).digest(), arguments, operation.name
        )
        self.used.steps += 1
        return f"c{self._seq}", row

    def _enter(
        self, kind: str, title: str, digest: bytes, request: dict[str, Any], operation: str
    ) -> tuple[store.StepRow | None, bool]:
        """T1: the step's row of before, or a new one; and whether it was intended before."""
        self._seq += 1
        self._key = f"{self._id.hex}-{self._seq}-{digest.hex()[:16]}"
        row = self._rows.get(self._seq)
        if row is not None:
            if row.kind != kind or row.request_hash != digest:
                raise Diverged("The agent was changed while this run was under way.")
            return row, True
        self._run.check_stopping()
        with self._run.held() as transaction:
            transaction.execute(
                store.INTEND,
                {
                    "run": self._id,
                    "seq": self._seq,
                    "name": f"{self._seq}-{operation or kind}",
                    "title": title,
                    "kind": kind,
                    "key": self._key,
                    "request_hash": digest,
                    "request": _json(request),
                    "detail": excerpt(_json(request), longest=300) if operation else None,
                },
            )
        self._run.announce()
        return None, False

    def _done(self, result: Any, detail: str, cost: int = 0, keep: dict[str, Any] | None = None) -> None:
        """T2."""
        at = {"run": self._id, "seq": self._seq}
        with self._run.held() as transaction:
            if keep is not None:
                [row] = transaction.fetch(run_results.KEEP, {"run": self._id, **keep})
                result = {**result, "number": row.number}
            if transaction.execute(store.DONE, {**at, "result": _json(result), "detail": detail, "cost": cost}) != 1:
                raise FencedError("Another worker finished this step.")
        self._run.announce()

    def _told(self, number: str, operation: Known, framed: str, body: bytes, problem: Problem | None) -> Told:
        text = framed if problem is None else f"[{number}] {operation.name} was refused. {_words(problem)}"
        text = _clean(text)
        detail = f"{len(body):,} bytes" if problem is None else f"Refused: {problem.what}"
        self._done({"good": problem is None}, detail, keep={"name": operation.name, "content": text})
        return Told(number, text, problem is None)

    def _again(self, number: str, operation: Known, result: Any) -> Told:
        if result.get("unknown"):
            text = f"[{number}] It is not known whether {operation.name} has happened. A person has looked; go on."
            return Told(number, text, False)
        at = {"run": self._id, "number": result["number"], "start": 1, "length": 2**30}
        row = self._database.fetch_one(run_results.READ, at)
        return Told(number, row.content if row else "", result["good"])

    def _wait(self, approval: str) -> None:
        told = {"run": self._id, "seq": self._seq, "approval": approval}
        detail = f"It waits for approval {approval}: groundswell op approve_call --approval {approval}"
        with self._run.held() as transaction:
            transaction.execute(store.WAIT, {**told, "detail": detail})
        self._run.announce()
        raise Parked("The run waits for an approval.", why=approval)

    def _need_human(self, operation: str) -> None:
        detail = (
            f"Nobody knows whether {operation} has happened: a worker ended in the middle. Look whether it has; "
            "retry_run then goes on without calling it again."
        )
        with self._run.held() as transaction:
            transaction.execute(store.NEED_HUMAN, {"run": self._id, "seq": self._seq, "detail": detail})
            about = {"id": f"run:{self._id}:{self._seq}", "title": "A run waits for somebody to look", "said": detail}
            transaction.execute(notices.RAISE, about | {"page": "/"})
        self._run.announce()
        raise Parked("The run waits for somebody to look.", why=operation)

    def _paid(self, row: store.StepRow | None) -> bool:
        if row is None:
            return False
        found = self._database.fetch_one(store.PAID, {"run": self._id, "since": row.started_at})
        return found is not None and found.so

    def _note(self, cost: int, asked: Asked) -> Asked:
        self.used.steps += 1
        self.used.nano_usd += cost
        if asked.reply is not None and asked.reply.usage is not None:
            self.used.tokens += asked.reply.usage.whole_input + asked.reply.usage.output
        return asked


def _asked(result: Any) -> Asked:
    return msgspec.json.decode(result["asked"], type=Asked)


def _json(value: Any) -> str:
    """As JSON that PostgreSQL stores: it has no NUL and no half of a surrogate pair."""
    return _clean(msgspec.json.encode(value).decode().replace("\\u0000", "\\ufffd"))


def _clean(text: str) -> str:
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


def _denied(decision: str | None) -> Problem:
    what = "The operator said no to this call." if decision == "denied" else "Nobody said yes to this call in time."
    return Problem(status=403, what=what, do="Go on without it.")


def _words(problem: Problem) -> str:
    return " ".join(part for part in (problem.what, problem.why, problem.do) if part)
