package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
)

// Server is all listeners of one process.
type Server struct {
	settings Settings
	draining atomic.Bool
	failed   chan error
	web      []*http.Server
	grpc     *grpc.Server
	checks   *health.Server
	sockets  []interface{ Close() error }
	tcp      streams
	// Addresses by name (http, https, grpc, tcp, udp), for who asked for port 0.
	Addresses map[string]net.Addr
}

// Run serves until ctx ends, then drains: not ready but accepting for the grace, then until open requests are answered.
func Run(ctx context.Context, settings Settings) error {
	s, err := Start(settings)
	if err != nil {
		return err
	}
	for name, address := range s.Addresses {
		fmt.Printf("%s on %s\n", name, address)
	}
	select {
	case err := <-s.failed:
		return err
	case <-ctx.Done():
	}
	return s.Stop()
}

// Start returns when everything listens.
func Start(settings Settings) (*Server, error) {
	s := &Server{settings: settings, failed: make(chan error, 5), Addresses: map[string]net.Addr{}, tcp: streams{identity: settings.Identity}}
	for _, start := range []func() error{s.startHTTP, s.startHTTPS, s.startGRPC, s.startTCP, s.startUDP} {
		if err := start(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Stop is what SIGTERM does.
func (s *Server) Stop() error {
	s.draining.Store(true)
	s.checks.Shutdown()
	time.Sleep(s.settings.Grace) // endpoints and proxies learn of it meanwhile
	ctx, cancel := context.WithTimeout(context.Background(), s.settings.Drain)
	defer cancel()
	for _, socket := range s.sockets {
		_ = socket.Close() // a listener that is closed twice is closed
	}
	stopped := make(chan error, len(s.web)+2)
	for _, web := range s.web {
		go func() { stopped <- web.Shutdown(ctx) }()
	}
	go func() { s.tcp.open.Wait(); stopped <- nil }()
	go func() { s.stopGRPC(ctx); stopped <- nil }()
	for range len(s.web) + 2 {
		select {
		case <-stopped:
		case <-ctx.Done():
			return nil // what is left is cut
		}
	}
	return nil
}

func (s *Server) stopGRPC(ctx context.Context) {
	defer context.AfterFunc(ctx, s.grpc.Stop)()
	s.grpc.GracefulStop()
}

func (s *Server) startHTTP() error {
	web := s.newWeb(nil)
	return s.listen("http", s.settings.HTTP, web.Serve)
}

func (s *Server) startHTTPS() error {
	own, err := certificate(s.settings)
	if err != nil {
		return err
	}
	web := s.newWeb(&tls.Config{Certificates: []tls.Certificate{own}})
	return s.listen("https", s.settings.HTTPS, func(listener net.Listener) error { return web.ServeTLS(listener, "", "") })
}

func (s *Server) newWeb(config *tls.Config) *http.Server {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(config != nil)
	protocols.SetUnencryptedHTTP2(config == nil)
	web := &http.Server{
		Handler: &Web{identity: s.settings.Identity, draining: &s.draining}, TLSConfig: config, Protocols: protocols,
		ReadHeaderTimeout: 10 * time.Second, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 1000},
	}
	s.web = append(s.web, web)
	return web
}

func (s *Server) startGRPC() error {
	s.grpc, s.checks = newGRPC(s.settings.Identity)
	return s.listen("grpc", s.settings.GRPC, s.grpc.Serve)
}

func (s *Server) startTCP() error {
	return s.listen("tcp", s.settings.TCP, s.tcp.serve)
}

func (s *Server) startUDP() error {
	if s.settings.UDP == "" {
		return nil
	}
	socket, err := net.ListenPacket("udp", s.settings.UDP)
	if err != nil {
		return err
	}
	s.sockets, s.Addresses["udp"] = append(s.sockets, socket), socket.LocalAddr()
	go s.report("udp", func() error { return datagrams(s.settings.Identity, socket) })
	return nil
}

func (s *Server) listen(name, address string, serve func(net.Listener) error) error {
	if address == "" {
		return nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	s.Addresses[name] = listener.Addr()
	if name == "tcp" {
		s.sockets = append(s.sockets, listener)
	}
	go s.report(name, func() error { return serve(listener) })
	return nil
}

func (s *Server) report(name string, serve func() error) {
	if err := serve(); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, grpc.ErrServerStopped) {
		s.failed <- fmt.Errorf("%s: %w", name, err)
	}
}
