"""A support desk with a flow for each department: billing, technical, returns.

The desk reads a case and gives it to a department. Each department is a flow of its own: its own state, its own
nodes and gates, its own budget, its own ends. It may end with "not ours", and then the case goes back to triage,
at most twice; after that, and whenever a department needs a person, the case is handed over. What guideway
guarantees:

- What a department may do with money, a device or a parcel waits for a person's yes to exactly that call, inside
  the department's flow; a no, or a time that runs out, has its way there.
- A department that talks in circles uses up its own budget, not the desk's: the case is handed over.
- The conversation is one: a department adds to ``messages``, and the desk merges what it added.
- A crash inside a department loses nothing and repeats nothing: the run goes on there, in any process.

``desk.py`` is the desk, ``billing.py``, ``technical.py`` and ``returns.py`` are the departments, ``office.py`` is
the world that they act on. Run it offline: ``python -m examples.support_desk``.
"""

from .desk import Case, support_desk
from .office import Office

__all__ = ["Case", "Office", "support_desk"]
