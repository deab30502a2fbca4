"""Policies of all kinds → the one form of `operators.ir.policy`. Pure."""
