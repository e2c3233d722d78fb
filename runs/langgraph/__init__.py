"""The border to LangGraph: a flow compiled to a graph, and the saver. Nothing else imports langgraph."""
