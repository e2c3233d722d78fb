"""guideway: agents as explicit, checked, guarded state graphs.

The names below are the whole face; each is loaded when first used, so that ``import guideway`` and
authoring a flow load neither LangGraph nor langchain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for type checkers and editors; a test holds this, __all__ and _HOMES together
    from .errors import CheckFailed as CheckFailed
    from .errors import ConditionError as ConditionError
    from .errors import ConfigError as ConfigError
    from .errors import DecisionRefused as DecisionRefused
    from .errors import FlowError as FlowError
    from .errors import GateError as GateError
    from .errors import GuidewayError as GuidewayError
    from .errors import JournalBroken as JournalBroken
    from .errors import LeaseLost as LeaseLost
    from .errors import NodeError as NodeError
    from .errors import RequestNotFound as RequestNotFound
    from .errors import RunBusy as RunBusy
    from .errors import RunError as RunError
    from .errors import RunExists as RunExists
    from .errors import RunNotFound as RunNotFound
    from .errors import RunNotReady as RunNotReady
    from .errors import SolverMissing as SolverMissing
    from .errors import StateInvalid as StateInvalid
    from .errors import StoreError as StoreError
    from .errors import StoreForeign as StoreForeign
    from .errors import StoreLocked as StoreLocked
    from .errors import StoreNotFound as StoreNotFound
    from .errors import StoreReadOnly as StoreReadOnly
    from .errors import StoreTooNew as StoreTooNew
    from .errors import ToolMissing as ToolMissing
    from .errors import UnknownField as UnknownField
    from .errors import WouldDeadlock as WouldDeadlock
    from .flows.check.report import Finding as Finding
    from .flows.check.report import Report as Report
    from .flows.each import Item as Item
    from .flows.each import each as each
    from .flows.ends import End as End
    from .flows.fanout import all_of as all_of
    from .flows.flow import Flow as Flow
    from .flows.migrations import Migration as Migration
    from .flows.properties import Property as Property
    from .flows.properties import always as always
    from .flows.properties import at_most_once as at_most_once
    from .flows.properties import enforced as enforced
    from .flows.properties import never as never
    from .flows.rows import START as START
    from .flows.rows import on as on
    from .flows.subflow import subflow as subflow
    from .guards.budgets import Budget as Budget
    from .guards.budgets import Spent as Spent
    from .guards.conditions import Condition as Condition
    from .guards.endings import ended as ended
    from .guards.fields import fields as fields
    from .guards.fields import some as some
    from .guards.functions import any_of as any_of
    from .guards.functions import contains as contains
    from .guards.functions import exists as exists
    from .guards.functions import first as first
    from .guards.functions import last as last
    from .guards.functions import length as length
    from .guards.functions import none_of as none_of
    from .guards.functions import one_of as one_of
    from .guards.functions import proposes as proposes
    from .guards.gates import approval as approval
    from .guards.gates import policy as policy
    from .guards.limits import at_most as at_most
    from .guards.messages import Messages as Messages
    from .guards.outcomes import failed as failed
    from .guards.retry import Retry as Retry
    from .guards.when import when as when
    from .nodes.act import act as act
    from .nodes.ask import ask as ask
    from .nodes.calls import NOT_DONE as NOT_DONE
    from .nodes.calls import Call as Call
    from .nodes.compute import compute as compute
    from .nodes.context import Context as Context
    from .nodes.context import FromState as FromState
    from .nodes.context import ToolError as ToolError
    from .nodes.from_langchain import from_langchain as from_langchain
    from .nodes.from_mcp import afrom_mcp as afrom_mcp
    from .nodes.from_mcp import from_mcp as from_mcp
    from .nodes.mcp_server import McpServer as McpServer
    from .nodes.mcp_session import McpError as McpError
    from .nodes.node import Node as Node
    from .nodes.outcome import ErrorRecord as ErrorRecord
    from .nodes.outcome import Failure as Failure
    from .nodes.outcome import Outcome as Outcome
    from .nodes.outcome import Refusal as Refusal
    from .nodes.think import think as think
    from .nodes.tool import Tool as Tool
    from .nodes.tool import tool as tool
    from .runs.app import App as App
    from .runs.progress import Progress as Progress
    from .runs.progress import Unsettled as Unsettled
    from .runs.roles import Anyone as Anyone
    from .runs.settling import GIVE_UP as GIVE_UP
    from .runs.views import Request as Request
    from .runs.views import Run as Run
    from .runs.views import Step as Step

__all__ = [
    "Anyone",
    "App",
    "Budget",
    "Call",
    "CheckFailed",
    "Condition",
    "ConditionError",
    "ConfigError",
    "Context",
    "DecisionRefused",
    "End",
    "ErrorRecord",
    "Failure",
    "Finding",
    "Flow",
    "FlowError",
    "FromState",
    "GIVE_UP",
    "GateError",
    "GuidewayError",
    "Item",
    "JournalBroken",
    "LeaseLost",
    "McpError",
    "McpServer",
    "Messages",
    "Migration",
    "NOT_DONE",
    "Node",
    "NodeError",
    "Outcome",
    "Progress",
    "Property",
    "Refusal",
    "Report",
    "Request",
    "RequestNotFound",
    "Retry",
    "Run",
    "RunBusy",
    "RunError",
    "RunExists",
    "RunNotFound",
    "RunNotReady",
    "START",
    "SolverMissing",
    "Spent",
    "StateInvalid",
    "Step",
    "StoreError",
    "StoreForeign",
    "StoreLocked",
    "StoreNotFound",
    "StoreReadOnly",
    "StoreTooNew",
    "Tool",
    "ToolError",
    "ToolMissing",
    "UnknownField",
    "Unsettled",
    "WouldDeadlock",
    "act",
    "afrom_mcp",
    "all_of",
    "always",
    "any_of",
    "approval",
    "ask",
    "at_most",
    "at_most_once",
    "compute",
    "contains",
    "each",
    "ended",
    "enforced",
    "exists",
    "failed",
    "fields",
    "first",
    "from_langchain",
    "from_mcp",
    "last",
    "length",
    "never",
    "none_of",
    "on",
    "one_of",
    "policy",
    "proposes",
    "some",
    "subflow",
    "think",
    "tool",
    "when",
]

_HOMES = {
    "Anyone": ".runs.roles",
    "App": ".runs.app",
    "Budget": ".guards.budgets",
    "Call": ".nodes.calls",
    "CheckFailed": ".errors",
    "Condition": ".guards.conditions",
    "ConditionError": ".errors",
    "ConfigError": ".errors",
    "Context": ".nodes.context",
    "DecisionRefused": ".errors",
    "End": ".flows.ends",
    "ErrorRecord": ".nodes.outcome",
    "Failure": ".nodes.outcome",
    "Finding": ".flows.check.report",
    "Flow": ".flows.flow",
    "FlowError": ".errors",
    "FromState": ".nodes.context",
    "GIVE_UP": ".runs.settling",
    "GateError": ".errors",
    "GuidewayError": ".errors",
    "Item": ".flows.each",
    "JournalBroken": ".errors",
    "LeaseLost": ".errors",
    "McpError": ".nodes.mcp_session",
    "McpServer": ".nodes.mcp_server",
    "Messages": ".guards.messages",
    "Migration": ".flows.migrations",
    "NOT_DONE": ".nodes.calls",
    "Node": ".nodes.node",
    "NodeError": ".errors",
    "Outcome": ".nodes.outcome",
    "Progress": ".runs.progress",
    "Property": ".flows.properties",
    "Refusal": ".nodes.outcome",
    "Report": ".flows.check.report",
    "Request": ".runs.views",
    "RequestNotFound": ".errors",
    "Retry": ".guards.retry",
    "Run": ".runs.views",
    "RunBusy": ".errors",
    "RunError": ".errors",
    "RunExists": ".errors",
    "RunNotFound": ".errors",
    "RunNotReady": ".errors",
    "START": ".flows.rows",
    "SolverMissing": ".errors",
    "Spent": ".guards.budgets",
    "StateInvalid": ".errors",
    "Step": ".runs.views",
    "StoreError": ".errors",
    "StoreForeign": ".errors",
    "StoreLocked": ".errors",
    "StoreNotFound": ".errors",
    "StoreReadOnly": ".errors",
    "StoreTooNew": ".errors",
    "Tool": ".nodes.tool",
    "ToolError": ".nodes.context",
    "ToolMissing": ".errors",
    "UnknownField": ".errors",
    "Unsettled": ".runs.progress",
    "WouldDeadlock": ".errors",
    "act": ".nodes.act",
    "afrom_mcp": ".nodes.from_mcp",
    "all_of": ".flows.fanout",
    "always": ".flows.properties",
    "any_of": ".guards.functions",
    "approval": ".guards.gates",
    "ask": ".nodes.ask",
    "at_most": ".guards.limits",
    "at_most_once": ".flows.properties",
    "compute": ".nodes.compute",
    "contains": ".guards.functions",
    "each": ".flows.each",
    "ended": ".guards.endings",
    "enforced": ".flows.properties",
    "exists": ".guards.functions",
    "failed": ".guards.outcomes",
    "fields": ".guards.fields",
    "first": ".guards.functions",
    "from_langchain": ".nodes.from_langchain",
    "from_mcp": ".nodes.from_mcp",
    "last": ".guards.functions",
    "length": ".guards.functions",
    "never": ".flows.properties",
    "none_of": ".guards.functions",
    "on": ".flows.rows",
    "one_of": ".guards.functions",
    "policy": ".guards.gates",
    "proposes": ".guards.functions",
    "some": ".guards.fields",
    "subflow": ".flows.subflow",
    "think": ".nodes.think",
    "tool": ".nodes.tool",
    "when": ".guards.when",
}

if not TYPE_CHECKING:  # type checkers would believe that a module with __getattr__ has every name

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name not in _HOMES:
            raise AttributeError(f"module 'guideway' has no attribute {name!r}")
        value = getattr(import_module(_HOMES[name], __name__), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
