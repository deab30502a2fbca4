// Package server is the side that answers.
package server

import (
	"flag"
	"os"
	"time"
)

// Identity says which pod answers; from the downward API.
type Identity struct {
	Pod       string `json:"pod"`
	Namespace string `json:"namespace,omitempty"`
	Node      string `json:"node,omitempty"`
	Cluster   string `json:"cluster,omitempty"`
	Version   string `json:"version,omitempty"`
}

// Settings are addresses to listen on (empty: not at all) and times.
type Settings struct {
	HTTP, HTTPS, GRPC, TCP, UDP string
	CertFile, KeyFile           string
	Grace, Drain                time.Duration
	Identity                    Identity
}

// ReadSettings takes addresses and times from flags and the identity from the environment.
func ReadSettings(arguments []string, env func(string) string) (Settings, error) {
	var s Settings
	flags := flag.NewFlagSet("echo", flag.ContinueOnError)
	flags.StringVar(&s.HTTP, "http", ":8080", "address of HTTP/1.1, h2c and WebSocket")
	flags.StringVar(&s.HTTPS, "https", ":8443", "address of HTTPS: HTTP/1.1 and HTTP/2")
	flags.StringVar(&s.GRPC, "grpc", ":9090", "address of gRPC")
	flags.StringVar(&s.TCP, "tcp", ":7000", "address of TCP")
	flags.StringVar(&s.UDP, "udp", ":7001", "address of UDP")
	flags.StringVar(&s.CertFile, "cert", env("TLS_CERT_FILE"), "certificate for HTTPS; none: self-signed")
	flags.StringVar(&s.KeyFile, "key", env("TLS_KEY_FILE"), "its key")
	flags.DurationVar(&s.Grace, "grace", 5*time.Second, "how long to go on accepting after SIGTERM, not ready, for who has not noticed")
	flags.DurationVar(&s.Drain, "drain", 20*time.Second, "how long open requests may last after that")
	err := flags.Parse(arguments)
	s.Identity = identity(env)
	return s, err
}

func identity(env func(string) string) Identity {
	pod := env("POD_NAME")
	if pod == "" {
		pod, _ = os.Hostname() // the kernel does not refuse it; and an empty name says enough
	}
	return Identity{pod, env("POD_NAMESPACE"), env("NODE_NAME"), env("CLUSTER_NAME"), env("VERSION")}
}
