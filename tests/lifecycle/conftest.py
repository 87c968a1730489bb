"""Gateways that tests of this folder may do anything to."""

from support.gateway_fixtures import mode, proxy, start_gateway, starting

__all__ = ["mode", "proxy", "start_gateway", "starting"]
