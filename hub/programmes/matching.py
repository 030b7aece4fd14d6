"""Who gets which task, by what both sides wish: the stable match that is best for the applicants.

Theory of operation
Deferred acceptance (Gale and Shapley, "College admissions and the stability of marriage", 1962): every
applicant asks for their dearest task; a task keeps, for now, the applicants that its mentors want most, as
many as it has slots, and turns the others away, who ask for their next. It ends when nobody is left to ask.

The outcome does not depend on the order of asking. It is stable: no applicant and task would both rather
have each other. No other stable match gives any applicant something dearer to them, so telling one's true
wishes is the best that an applicant can do.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

Applicant = TypeVar("Applicant", bound=Hashable)
Place = TypeVar("Place", bound=Hashable)


def stable_match(
    wishes: Mapping[Applicant, Sequence[Place]],
    ranks: Mapping[Place, Mapping[Applicant, int]],
    slots: Mapping[Place, int],
) -> dict[Applicant, Place]:
    """Applicants with the place each gets; who gets none is not in it.

    Args:
        wishes: what each would like, dearest first.
        ranks: of each place, the applicants it would take; 1 is who it wants most, no rank is given twice.
        slots: how many each place takes.
    """
    left = {applicant: list(places) for applicant, places in wishes.items()}
    kept: dict[Place, list[Applicant]] = {place: [] for place in slots}
    asking = list(wishes)
    while asking:
        applicant = asking.pop()
        if not left[applicant]:
            continue
        place = left[applicant].pop(0)
        order = ranks.get(place, {})
        if applicant not in order or place not in kept:
            asking.append(applicant)
            continue
        kept[place] = sorted([*kept[place], applicant], key=order.__getitem__)
        asking += kept[place][slots[place] :]
        kept[place] = kept[place][: slots[place]]
    return {applicant: place for place, found in kept.items() for applicant in found}
