"""Where Envoy gets a resource that another one names: from us, on the same stream."""

ADS: dict[str, object] = {"ads": {}, "resource_api_version": 2}  # ApiVersion.V3
