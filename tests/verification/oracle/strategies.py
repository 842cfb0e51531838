"""Hypothesis strategies over the same grammar as the fast random generators.

They draw from a random source that Hypothesis records, so examples shrink: towards fewer
and simpler statements, as the generators ask for the simplest first.
"""

from hypothesis import strategies as st

from tests.verification.oracle.random_cases import Case, random_case
from tests.verification.oracle.random_documents import PLAIN_DIALECT, Dialect, Written, random_document


def documents(dialect: Dialect = PLAIN_DIALECT) -> st.SearchStrategy[Written]:
    """Valid policy documents."""
    return st.randoms(use_true_random=False).map(lambda rng: random_document(rng, dialect))


@st.composite
def documents_with_cases(draw: st.DrawFn, dialect: Dialect = PLAIN_DIALECT) -> tuple[Written, Case]:
    """Valid policy documents, each with a job, tags, clock and facts to evaluate by it."""
    rng = draw(st.randoms(use_true_random=False))
    document = random_document(rng, dialect)
    return document, random_case(rng, document)
