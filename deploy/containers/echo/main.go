// Echo answers every request with what it saw of it, over HTTP/1.1, HTTP/2 with and without TLS, WebSocket, gRPC, TCP and UDP;
// `echo load` is the client for load tests.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"tulle.dev/echo/load"
	"tulle.dev/echo/server"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if len(arguments) > 0 && arguments[0] == "load" {
		return load.Main(ctx, arguments[1:], os.Stdout)
	}
	settings, err := server.ReadSettings(arguments, os.Getenv)
	if err != nil {
		return err
	}
	return server.Run(ctx, settings)
}
