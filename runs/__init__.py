"""Runs that survive a crash: journal, stores, lifecycle, requests, leases, and the App."""
