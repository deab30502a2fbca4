"""Makes `envoy_xds/data/envoy-<version>.fds.gz` from go-control-plane's Go packages; users of the result need no Go."""
