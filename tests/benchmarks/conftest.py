"""What needs the peers, or is a program, is not searched for doctests."""

collect_ignore = ["peers", "whole"]
