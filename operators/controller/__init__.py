"""The parts that only the controller's process puts together."""
