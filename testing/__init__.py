"""The testing kit that ships to users: scripted models and what else a flow's tests need."""
