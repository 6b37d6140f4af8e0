"""What the records say: STAND-IN until evidence.py merges."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from .. import records
from ..checkout import Checkout
from ..measure import PROTOCOL
from ..releases.catalogue import Release
from . import session
from .interleave import Suspect
from .judge import Judgement, Process, judge
from .noise import estimate

Key = tuple[str, str, str]


class OnRecord:
    def __init__(
        self,
        checkout: Checkout,
        machine: str,
        pairs: Sequence[tuple[Release, Release]],
        profiles: Sequence[str],
        threshold: float,
    ):
        self._checkout = checkout
        self._machine = machine
        self._pairs = pairs
        self._profiles = profiles
        self._threshold = threshold

    def _read(self) -> dict[Key, dict[str, list[records.Record]]]:
        found: dict[Key, dict[str, list[records.Record]]] = {}
        for r in records.read(self._checkout.results_dir, self._machine):
            if (
                r["benchmark"].rpartition(".")[2].startswith("time_")
                and r["outcome"] == records.OK
                and r.get("benchmark_version") == PROTOCOL
                and r["profile"] in self._profiles
            ):
                key = (
                    r["profile"],
                    r["benchmark"],
                    json.dumps(r["configuration"], sort_keys=True),
                )
                found.setdefault(key, {}).setdefault(r["commit"], []).append(r)
        return found

    def _judgement(
        self,
        taken: dict[str, list[records.Record]],
        before: Release,
        after: Release,
        comparisons: int,
    ) -> Judgement:
        def processes(commit: str, purposes: tuple[str | None, ...]) -> list[Process]:
            return [
                Process(r["run"], tuple(r["samples"]))
                for r in taken.get(commit, [])
                if r.get("purpose") in purposes
            ]

        line = self._checkout.catalogue.tracks[before.track].releases
        counted = (None, records.CONFIRM)
        history = [processes(r.commit, counted) for r in line[: line.index(before)]]
        calibrating = [processes(c, (records.CALIBRATE,)) for c in taken]
        best = max(calibrating, key=len, default=[])
        own = processes(before.commit, counted)
        noise = estimate(best, [*history, own])
        return judge(
            own,
            processes(after.commit, counted),
            history,
            noise,
            self._threshold,
            comparisons,
        )

    def _all(self, before: Release, after: Release) -> dict[Key, Judgement]:
        found = self._read()
        both = {k: t for k, t in found.items() if before.commit in t and after.commit in t}
        return {k: self._judgement(t, before, after, len(both)) for k, t in both.items()}

    def suspects(self) -> Sequence[Suspect]:
        found = []
        for before, after in self._pairs:
            taken = self._read()
            for key, judged in self._all(before, after).items():
                if judged.suspected:
                    one = session.configured(key[1], json.loads(key[2]))
                    own = [r for c in (before.commit, after.commit) for r in taken[key][c]]
                    runs = {r["run"] for r in taken[key][after.commit] if r.get("purpose")}
                    spent = sum(r.get("purpose") == "confirm" and r["run"] in runs for r in own)
                    found.append(Suspect(before, after, key[0], one, spent, own[-1]["process_s"]))
        return found

    def judge(self, suspect: Suspect) -> Mapping[str, Judgement]:
        key = (
            suspect.profile,
            suspect.one.benchmark,
            json.dumps(dict(suspect.one.configuration), sort_keys=True),
        )
        return {"step": self._all(suspect.before, suspect.after)[key]}
