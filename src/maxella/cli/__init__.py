"""The command table; heavy imports happen inside commands."""
